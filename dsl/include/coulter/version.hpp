/// The version of Coulter. CMake reads it from this file, so it is written in one place only.
///
/// Before 1.0 a new minor version may break source and ABI, a new patch version may not. The C ABI between programs
/// and generated libraries has a number of its own, `COULTER_ABI`; the text formats have version lines of their own.
#pragma once

#define COULTER_VERSION_MAJOR 0
#define COULTER_VERSION_MINOR 1
#define COULTER_VERSION_PATCH 0
#define COULTER_VERSION "0.1.0"
