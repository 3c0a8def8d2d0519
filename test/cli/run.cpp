#include "run.hpp"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace coulter::test {
namespace fs = std::filesystem;

const char* const tiny_kernel = R"(coulter 1
kernel tiny

dim i
dim j
dim k

input left: f32[i, k]
input right: f32[k, j] frozen

product: f32[i, j] =
    sum {k} left * right

output product

estimate i = 32, j = 48, k = 16
)";

const char* const tiny_schedule = R"(schedule tiny

stage right.packed = pack right by j 8 once
stage product.acc = accumulate product
stage product {
    split j by 8
    reorder j.i i j.o
    vectorize j.i
    parallel j.o
}
stage product.acc {
    compute at product/i
    reorder j k i
    vectorize j
}
stage product.acc.init {
    vectorize j
}
)";

Folder::Folder() {
    std::string pattern = (fs::temp_directory_path() / "coulter-test-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
        throw std::runtime_error("cannot make a temporary folder");
    }
    path_ = pattern;
}

Folder::~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void Folder::write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
}

void Folder::write_script(const std::string& name, const std::string& body) const {
    write(name, "#!/bin/sh\n" + body);
    fs::permissions(path_ / name, fs::perms::owner_all);
}

std::string Folder::read(const std::string& name) const {
    std::ifstream file(path_ / name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool Folder::has(const std::string& name) const {
    return fs::exists(path_ / name);
}

std::vector<std::string> Folder::list(const std::string& name) const {
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(path_ / name)) {
        names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
}

Ran Folder::coulter(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                    const std::function<void(int)>& meanwhile) const {
    std::vector<std::string> all{COULTER_PROGRAM};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return command(all, environment, meanwhile);
}

Ran Folder::command(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                    const std::function<void(int)>& meanwhile) const {
    // Outside the folder, whose content tests list.
    const fs::path output = path_.string() + ".out";
    const fs::path errors = path_.string() + ".err";
    const pid_t pid = fork();
    if (pid == 0) {
        for (const std::string& variable : environment) {
            putenv(const_cast<char*>(variable.c_str()));
        }
        std::vector<char*> words;
        for (const std::string& word : command) {
            words.push_back(const_cast<char*>(word.c_str()));
        }
        words.push_back(nullptr);
        dup2(open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
        dup2(open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
        if (chdir(path_.c_str()) == 0) {
            execvp(words[0], words.data());
        }
        _exit(126);
    }
    if (meanwhile) {
        meanwhile(pid);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    Ran ran;
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ran.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    ran.out = read(output.string());
    ran.err = read(errors.string());
    fs::remove(output);
    fs::remove(errors);
    return ran;
}

} // namespace coulter::test
