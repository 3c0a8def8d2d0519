#include "coulter/interpreter.hpp"

#include "interpreter_definition.hpp"
#include "interpreter_extents.hpp"

#include <cstring>
#include <fmt/core.h>
#include <new>
#include <set>
#include <stdexcept>

namespace coulter {
namespace {

using interpreter::Tensor;

void check_input(const ir::Input& input, const Array& array, bool in_double) {
    const bool fits = array.type == input.type || (in_double && is_float(array.type) && is_float(input.type));
    if (!fits) {
        throw std::runtime_error(fmt::format("the input `{}` has elements of type {}, and {} is wanted", input.name,
                                             name(array.type), name(input.type)));
    }
    const auto wanted = static_cast<std::size_t>(array.size()) * static_cast<std::size_t>(bytes(array.type));
    if (array.data.size() != wanted) {
        throw std::runtime_error(fmt::format("the input `{}` holds {} bytes, and its shape needs {}", input.name,
                                             array.data.size(), wanted));
    }
}

Array array_of(const ir::Const& constant, const std::map<std::string, std::int64_t>& extents) {
    std::vector<std::int64_t> shape;
    for (const std::string& dim : constant.dims) {
        const auto at = extents.find(dim);
        if (at == extents.end()) {
            throw std::runtime_error(
                fmt::format("the extent of `{}`, a dim of the const `{}`, is not known", dim, constant.name));
        }
        shape.push_back(at->second);
    }
    Array array(constant.type, std::move(shape));
    if (array.data.size() != constant.data.size()) {
        throw std::runtime_error(fmt::format("the const `{}` holds {} bytes, and its shape needs {}", constant.name,
                                             constant.data.size(), array.data.size()));
    }
    array.data = constant.data;
    return array;
}

/// The definitions that `wanted` needs, themselves included.
std::set<std::string> needed_for(const ir::Kernel& kernel, const std::vector<std::string>& wanted) {
    std::set<std::string> needed(wanted.begin(), wanted.end());
    for (auto definition = kernel.definitions.rbegin(); definition != kernel.definitions.rend(); ++definition) {
        if (!needed.contains(definition->name)) {
            continue;
        }
        for (const std::string& read : ir::reads(*definition)) {
            needed.insert(read);
        }
    }
    return needed;
}

std::vector<std::string> wanted_by(const ir::Kernel& kernel, const std::vector<std::string>& keep) {
    std::vector<std::string> wanted = kernel.outputs;
    for (const std::string& given : keep) {
        if (kernel.find_definition(given) == nullptr) {
            std::vector<std::string> names;
            for (const ir::Definition& definition : kernel.definitions) {
                names.push_back(definition.name);
            }
            const std::string best = closest_match(given, names);
            throw std::runtime_error(fmt::format("`{}` is no definition of `{}`; {}", given, kernel.name,
                                                 best.empty() ? "it defines " + quoted_list(names)
                                                              : fmt::format("did you mean `{}`", best)));
        }
        wanted.push_back(given);
    }
    return wanted;
}

std::map<std::string, Array> evaluate(const ir::Kernel& kernel, const std::map<std::string, Array>& inputs,
                                      const std::map<std::string, std::int64_t>& given, const InterpretOptions& options,
                                      const std::vector<std::string>& keep) {
    const std::vector<std::string> wanted = wanted_by(kernel, keep);
    const std::map<std::string, std::int64_t> extents = interpreter::find_extents(kernel, inputs, given);
    std::map<std::string, Tensor> tensors;
    for (const ir::Input& input : kernel.inputs) {
        const Array& array = inputs.at(input.name);
        check_input(input, array, options.in_double);
        tensors.emplace(input.name, Tensor(input.dims, {&array}));
    }
    std::map<std::string, Array> consts;
    for (const ir::Const& constant : kernel.consts) {
        const Array& array = consts.emplace(constant.name, array_of(constant, extents)).first->second;
        tensors.emplace(constant.name, Tensor(constant.dims, {&array}));
    }
    std::map<std::string, std::vector<Array>> results;
    interpreter::Budget budget{options.max_steps, 0};
    const std::set<std::string> needed = needed_for(kernel, wanted);
    for (const ir::Definition& definition : kernel.definitions) {
        if (!needed.contains(definition.name)) {
            continue;
        }
        const interpreter::World world{tensors, extents, options.in_double, budget};
        const auto& arrays = results.emplace(definition.name, interpreter::evaluate(definition, world)).first->second;
        std::vector<const Array*> components;
        for (const Array& array : arrays) {
            components.push_back(&array);
        }
        tensors.emplace(definition.name, Tensor(definition.dims, std::move(components)));
    }
    std::map<std::string, Array> answer;
    for (const std::string& tensor : wanted) {
        const auto at = results.find(tensor);
        if (at == results.end()) {
            continue;
        } // listed twice
        for (std::size_t c = 0; c < at->second.size(); ++c) {
            const std::string key = at->second.size() == 1 ? tensor : fmt::format("{}.{}", tensor, c);
            answer.emplace(key, std::move(at->second[c]));
        }
        results.erase(at);
    }
    return answer;
}

} // namespace

std::map<std::string, Array> interpret(const ir::Kernel& kernel, const std::map<std::string, Array>& inputs,
                                       const std::map<std::string, std::int64_t>& extents,
                                       const InterpretOptions& options, const std::vector<std::string>& keep) {
    for (const Diagnostic& diagnostic : ir::validate(kernel)) {
        if (diagnostic.severity == Severity::error) {
            throw std::runtime_error(render(diagnostic));
        }
    }
    try {
        return evaluate(kernel, inputs, extents, options, keep);
    } catch (const std::bad_alloc&) {
        throw std::runtime_error(
            fmt::format("the tensors of `{}` do not fit into memory at these extents", kernel.name));
    } catch (const std::length_error&) {
        throw std::runtime_error(
            fmt::format("the tensors of `{}` do not fit into memory at these extents", kernel.name));
    } catch (const std::invalid_argument& error) { // an Array of more than 2^63 bytes
        throw std::runtime_error(error.what());
    }
}

} // namespace coulter
