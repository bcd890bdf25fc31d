# SPDX-License-Identifier: Apache-2.0
"""What the preload tests have in common: processes, statistics files, runs and their comparison."""
