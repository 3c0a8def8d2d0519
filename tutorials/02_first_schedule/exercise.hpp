#pragma once
/// The judge of the exercise.

#include <string>

/// Prints what it finds. \returns 0 when `schedule` solves the exercise, else 1.
/// \param text the kernel `exercise`; \param coulter the command line.
int judge(const std::string& schedule, const std::string& text, const std::string& coulter);
