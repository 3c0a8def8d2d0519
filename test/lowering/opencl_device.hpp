#pragma once
/// The OpenCL device that tests run on, where there is one.

namespace coulter::test {

/// Ends the process with the exit code of a skipped test where no OpenCL device is found.
void skip_without_device();

} // namespace coulter::test
