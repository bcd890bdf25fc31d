// SPDX-License-Identifier: Apache-2.0
// Kernels whose restartable sections do not keep their promise, by machine and release: what cannot be found out in the
// microseconds of a first call, and without a second thread, has to be known (43).
#pragma once

namespace reslab {

// `machine` and `release` as uname has them. What is wrong there, or nullptr.
const char* known_rseq_defect(const char* machine, const char* release);

// Of the running kernel.
const char* known_rseq_defect();

}  // namespace reslab
