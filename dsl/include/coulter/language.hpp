#pragma once
/// The algorithm language, whole.

#include "coulter/expr.hpp"
#include "coulter/generate.hpp"
#include "coulter/kernel.hpp"
#include "coulter/reductions.hpp"
#include "coulter/tensor.hpp"
#include "coulter/vmap.hpp"
