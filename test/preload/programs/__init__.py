# SPDX-License-Identifier: Apache-2.0
"""One module for each program: what it needs, its time limit, its work and its claims."""
