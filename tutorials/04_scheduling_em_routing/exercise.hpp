#pragma once
/// The judge of the exercise.

#include <string>

/// Prints what it finds. \returns 0 when `schedule`, above layers 1 to 4, solves the exercise, else 1.
/// \param folder where the kernel and the layers are; \param programs where `coulter` is.
int judge(const std::string& schedule, const std::string& folder, const std::string& programs);
