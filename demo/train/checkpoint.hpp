#pragma once
/// A run on disk: whole, whenever the program ends.

#include "trainer.hpp"

#include <filesystem>

namespace train {

/// What a run is of, and where it stands.
struct Checkpoint {
    std::string network;
    Settings settings;
    std::string data; ///< a digest of images and labels
    State<float> state;
};

/// FNV-1a of 64 bits over pixels and labels, as 16 hex digits: tells data sets apart by accident, not against malice.
/// Source: G. Fowler, L. Noll, K. Vo, D. Eastlake, The FNV Non-Cryptographic Hash Algorithm, RFC 9923.
[[nodiscard]] std::string digest(const DataSet& data);

/// Writes a safetensors file: under another name in the same folder, flushed to the disk, then renamed. A reader finds
/// the file as it was before or as it is after, also where the program is killed meanwhile. The same run gives the same
/// bytes. Of each parameter `p` there are `p`, `mean.p` and `variance.p`; `losses` and `right` are the state's.
/// \throws coulter::Error for a file that cannot be written.
void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint,
                      const std::vector<Parameter>& parameters);

/// Reads what `write_checkpoint` wrote, and removes what programs that were killed left beside it.
/// \param wanted the run that is to go on, without a state: its network, settings and data have to be the file's.
/// \throws coulter::Error for a file that is missing, malformed, or of another run: the message names the option.
[[nodiscard]] State<float> read_checkpoint(const std::filesystem::path& file, const Checkpoint& wanted,
                                           const std::vector<Parameter>& parameters);

/// The weights as the network's own kernel takes them, each with its unit, in a safetensors file.
void write_weights(const std::filesystem::path& file, const Checkpoint& checkpoint,
                   const std::vector<Parameter>& parameters);

} // namespace train
