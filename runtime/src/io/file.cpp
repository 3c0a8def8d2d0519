#include "file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

namespace coulter::io {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* what, int error) {
    throw Error(COULTER_ERROR_FILE, path.string() + ": cannot " + what + ": " + std::strerror(error));
}

/// Closes a descriptor, and removes a file unless told that it is to stay.
class OpenFile {
public:
    OpenFile(const std::filesystem::path& path, int flags)
        : path_(path), descriptor_(::open(path.c_str(), flags, 0666)) {
        if (descriptor_ < 0) {
            fail(path, (flags & O_CREAT) != 0 ? "create" : "open", errno);
        }
        remove_ = (flags & O_CREAT) != 0;
    }
    ~OpenFile() {
        ::close(descriptor_);
        if (remove_) {
            ::unlink(path_.c_str());
        }
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    int get() const noexcept { return descriptor_; }
    void keep() noexcept { remove_ = false; }

private:
    std::filesystem::path path_;
    int descriptor_;
    bool remove_ = false;
};

} // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path) {
    const OpenFile file(path, O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
        fail(path, "read", errno);
    }
    if (!S_ISREG(status.st_mode)) {
        throw Error(COULTER_ERROR_FILE, path.string() + ": cannot read: not a regular file");
    }
    std::vector<std::byte> bytes(static_cast<size_t>(status.st_size));
    size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t got = ::read(file.get(), bytes.data() + done, bytes.size() - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            fail(path, "read", errno);
        }
        if (got == 0) {
            break; // The file shrank meanwhile; what is missing is an error of its format.
        }
        done += static_cast<size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
    static std::atomic<unsigned> counter{0};
    std::filesystem::path temporary = path;
    temporary += ".tmp." + std::to_string(::getpid()) + "." + std::to_string(counter.fetch_add(1));
    OpenFile file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
    size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t put = ::write(file.get(), bytes.data() + done, bytes.size() - done);
        if (put < 0 && errno != EINTR) {
            fail(temporary, "write", errno);
        }
        done += put > 0 ? static_cast<size_t>(put) : 0;
    }
    if (::fsync(file.get()) != 0) {
        fail(temporary, "write", errno);
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        fail(path, "replace", errno);
    }
    file.keep();
}

uint64_t checked_bytes(std::span<const int64_t> shape, const DLDataType& type, uint64_t position) {
    int64_t bytes = type.bits / 8;
    bool empty = false;
    for (const int64_t extent : shape) {
        if (extent < 0) {
            throw FormatError(position, "extent " + std::to_string(extent) + " is negative");
        }
        empty = empty || extent == 0;
        if (extent != 0 && __builtin_mul_overflow(bytes, extent, &bytes)) {
            throw FormatError(position, "the size of the tensor is beyond 64 bits");
        }
    }
    return empty ? 0 : static_cast<uint64_t>(bytes);
}

void check_array(const FileArray& array) {
    const uint64_t wanted = checked_bytes(array.shape, array.type, 0);
    if (array.data.size() != wanted) {
        throw FormatError(0, "an array has " + std::to_string(array.data.size()) + " bytes, its shape and type need " +
                                 std::to_string(wanted));
    }
}

} // namespace coulter::io
