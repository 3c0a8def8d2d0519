#pragma once
/// What a model author includes.

#include "coulter/language.hpp"
