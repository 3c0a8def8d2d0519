#include "support/golden.hpp"
#include "support/json.hpp"
#include "tune_case.hpp"

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

using namespace coulter::test;

namespace {

// The comment is for what a page must escape.
const std::string schedule = std::string(tiny_schedule) + "# 1 < 2 & \"two\" > 1 </pre><script>\n";

/// `coulter report tiny.coulter tiny.sched -o report.html --threads 1` and more, with a tuning store of its own.
Ran report(const Folder& folder, const std::vector<std::string>& more = {},
           const std::vector<std::string>& environment = {}, const std::function<void(int)>& meanwhile = {}) {
    std::vector<std::string> all{"report", "tiny.coulter", "tiny.sched", "-o", "report.html", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    std::vector<std::string> variables{"XDG_CACHE_HOME=" + folder.path().string()};
    variables.insert(variables.end(), environment.begin(), environment.end());
    return folder.coulter(all, variables, meanwhile);
}

void write_tiny(const Folder& folder) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", schedule);
}

std::string section(const std::string& page, const std::string& id) {
    const std::size_t begin = page.find("<section id=\"" + id + "\">");
    REQUIRE_MESSAGE(begin != std::string::npos, id);
    return page.substr(begin, page.find("</section>", begin) - begin);
}

/// What is read, without tags.
std::string text_of(std::string html) {
    html = std::regex_replace(html, std::regex("<[^>]*>"), "");
    for (const auto& [entity, character] :
         {std::pair{"&lt;", "<"}, std::pair{"&gt;", ">"}, std::pair{"&quot;", "\""}, std::pair{"&amp;", "&"}}) {
        html = std::regex_replace(html, std::regex(entity), character);
    }
    return html;
}

std::vector<std::string> rows_of(const std::string& html) {
    std::vector<std::string> rows;
    for (std::size_t at = html.find("<tr>"); at != std::string::npos; at = html.find("<tr>", at + 1)) {
        rows.push_back(html.substr(at, html.find("</tr>", at) - at));
    }
    return rows;
}

/// The texts of a row's cells, `|` between them.
std::string cells(const std::string& row) {
    std::string text = std::regex_replace(row, std::regex("</t[dh]>"), "|");
    return text_of(text);
}

std::string row_that_begins(const std::string& html, const std::string& words) {
    for (const std::string& row : rows_of(html)) {
        if (cells(row).starts_with(words + "|")) {
            return cells(row);
        }
    }
    return "no row begins with " + words;
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

} // namespace

TEST_CASE("a report has what the other commands tell, and loads nothing") {
    const Folder folder;
    write_tiny(folder);
    folder.write_script("mca", "test \"$1\" != --version || { echo 'LLVM version 99.1'; exit 0; }\ncat mca.json\n");
    folder.write("mca.json", [] {
        std::ifstream file(COULTER_TEST_DIR "/cli/mca_sample.json");
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }());
    const Ran ran = report(folder, {}, {"COULTER_LLVM_MCA=" + (folder.path() / "mca").string()});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const std::string page = folder.read("report.html");

    // One file: nothing is loaded, and it is well-formed, as HTML and as XML.
    for (const char* const load : {"http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"}) {
        CAPTURE(load);
        CHECK(page.find(load) == std::string::npos);
    }
    const Ran parsed =
        folder.command({"python3", "-c",
                        "import xml.etree.ElementTree as t; print(len(t.parse('report.html').findall('.//section')))"});
    CHECK_MESSAGE(parsed.out == "8\n", parsed.err);
    CHECK(page.find(folder.path().string()) == std::string::npos);
    CHECK(folder.list(".") == std::vector<std::string>{"mca", "mca.json", "report.html", "tiny.coulter", "tiny.sched"});

    // What was measured is in the page and on the terminal.
    std::smatch line;
    REQUIRE(std::regex_match(ran.out, line,
                             std::regex("tiny: ([0-9.]+ [num]?s), (bound by .*): ([0-9]+ %) of the roof; "
                                        "report.html\n")));
    CHECK(page.find("<h1>tiny</h1>") != std::string::npos);
    CHECK(page.find("<li><b>" + line[1].str() + "</b><span>a call, median of ") != std::string::npos);
    CHECK(page.find("<li><b>" + line[3].str() + "</b><span>of the roof: " + line[2].str() + "</span>") !=
          std::string::npos);
    CHECK(page.find("<dd>i=32,j=48,k=16</dd>") != std::string::npos);
    CHECK(page.find("1 thread<") != std::string::npos);

    // Loops are those of `show`, and notes are what it says of the memory.
    const std::string loops = section(page, "loops");
    const std::size_t pre = loops.find("<pre>") + 5;
    const std::string marked = loops.substr(pre, loops.find("</pre>") - pre);
    CHECK(text_of(std::regex_replace(marked, std::regex("<i class=\"note\">.*?</i>"), "")) ==
          folder.coulter({"show", "tiny.coulter", "tiny.sched"}).out);
    CHECK(marked.find("<span class=\"parallel\">parallel</span> for j.o") != std::string::npos);
    CHECK(count(marked, "<span class=\"vectorized\">") == count(text_of(marked), "vectorized for "));
    const std::string memory = folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "memory"}).out;
    CHECK(std::regex_search(memory, std::regex("right.packed +3072 ")));
    CHECK(marked.find("right.packed</span>: once<i class=\"note\">  3.07 kB packed once, kept by the context</i>") !=
          std::string::npos);
    CHECK(text_of(loops).find("outputs 6.14 kB;") != std::string::npos);
    CHECK(text_of(loops).find("3.07 kB packed once and kept.") != std::string::npos);

    // 32 x 16, 16 x 48 and 32 x 48 floats fit the caches, and move once.
    const std::string traffic = section(page, "traffic");
    CHECK(row_that_begins(traffic, "left").ends_with("|2.05 kB|"));
    CHECK(row_that_begins(traffic, "right.packed").starts_with("right.packed|packed once|"));
    CHECK(row_that_begins(traffic, "right.packed").ends_with("|3.07 kB|"));
    CHECK(row_that_begins(traffic, "product").ends_with("|6.14 kB|"));
    // 2 * 32 * 48 * 16 operations over 11264 bytes.
    CHECK(std::regex_search(row_that_begins(traffic, "L3 and memory"),
                            std::regex("\\|5.12 kB\\|6.14 kB\\|4.36\\|[0-9]+ GB/s\\|")));
    CHECK(section(page, "roofline").find("<svg ") != std::string::npos);
    CHECK(count(section(page, "roofline"), "<circle ") == 4);

    // Every directive of the blocks is there, with its line.
    const std::string directives = section(page, "directives");
    CHECK(rows_of(directives).size() == 1 + 8);
    CHECK(directives.find("<td>6</td><td class=\"words\"><code>product</code></td><td class=\"words "
                          "wrap\"><code>split j by 8</code></td><td>-</td><td class=\"words wrap faint\" "
                          "colspan=\"2\">cannot be left out: the checker refuses the rest</td>") != std::string::npos);
    CHECK(std::regex_search(
        directives, std::regex("<code>parallel j.o</code></td><td>[0-9.]+ [num]?s</td><td class=\"words\"><span "
                               "class=\"meter\">")));

    // Of the machine code what the tool said.
    const std::string code = section(page, "code");
    CHECK(code.find("llvm-mca 99.1 with its model of ") != std::string::npos);
    CHECK(code.find("<td>5.0</td>") != std::string::npos);
    CHECK(code.find("a chain of dependent instructions") != std::string::npos);

    CHECK(text_of(section(page, "search"))
              .find("Nothing was tuned on this machine yet. coulter tune tiny.coulter "
                    "-o tuned.sched --sizes i=32,j=48,k=16 --threads 1 makes some") != std::string::npos);

    // The texts, whole and escaped.
    const std::string texts = section(page, "schedule");
    CHECK(texts.find("<b>1</b>schedule tiny\n") != std::string::npos);
    CHECK(texts.find("# 1 &lt; 2 &amp; &quot;two&quot; &gt; 1 &lt;/pre&gt;&lt;script&gt;\n") != std::string::npos);
    CHECK(section(page, "algorithm").find("<b>8</b>input left: f32[i, k]\n") != std::string::npos);
}

TEST_CASE("a report shows the candidates of a search") {
    const Folder folder;
    write_tunable(folder);
    REQUIRE(tune_tiny(folder, {"--budget", "6", "--code-size", "0.0142"}).code == 0);
    std::size_t timed = 0;
    std::size_t failed = 0;
    for (const std::string& line : records_of(folder)) {
        const auto record = parse_json(line);
        if (record["comparison"] == "") {
            ++(record["outcome"] == "timed" ? timed : failed);
        }
    }
    REQUIRE(timed > 0);
    const Ran ran = report(folder, {"--store", "tuning.db", "--no-directives", "--sizes", "i=32,j=48,k=16"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const std::string search = section(folder.read("report.html"), "search");
    CHECK(text_of(search).find(std::to_string(timed + failed) + " candidates that coulter tune measured") !=
          std::string::npos);
    CHECK(count(search, "<circle ") == timed);
    CHECK(count(search, "class=\"failed\"") == failed);
    CHECK(count(search, "class=\"best\"") == 1);
    CHECK(section(folder.read("report.html"), "directives").find("Not measured: --no-directives was given.") !=
          std::string::npos);
    // Times of other sizes do not count.
    REQUIRE(report(folder, {"--store", "tuning.db", "--no-directives", "--sizes", "i=31"}).code == 0);
    const std::string other = section(folder.read("report.html"), "search");
    CHECK(count(other, "<circle ") == 0);
    CHECK(other.find("The tuning store has no times of this kernel at these sizes on this machine, though " +
                     std::to_string(timed + failed) + " at other sizes of their class.") != std::string::npos);
}

TEST_CASE("a report without a schedule, and with variants") {
    const Folder folder;
    write_tiny(folder);
    const std::vector<std::string> environment{"XDG_CACHE_HOME=" + folder.path().string()};
    // A page names files as they lie below the folder, or by themselves.
    std::filesystem::create_directory(folder.path() / "pages");
    const Ran plain = folder.coulter({"report", (folder.path() / "tiny.coulter").string(), "-o",
                                      (folder.path() / "pages/plain.html").string(), "--threads", "2"},
                                     environment);
    REQUIRE_MESSAGE(plain.code == 0, plain.err);
    const std::string page = folder.read("pages/plain.html");
    CHECK(page.find(folder.path().string()) == std::string::npos);
    CHECK(
        page.find("<code>coulter report tiny.coulter -o pages/plain.html --sizes i=32,j=48,k=16 --threads 2</code>") !=
        std::string::npos);
    CHECK(page.find("<dd>none: the default schedule</dd>") != std::string::npos);
    CHECK(text_of(section(page, "directives"))
              .find("There is no schedule file. coulter autoschedule tiny.coulter -o S.sched "
                    "writes") != std::string::npos);
    CHECK(section(page, "schedule").find("added by the default schedule") != std::string::npos);

    folder.write("tiny.sched", "schedule tiny\nstage product { vectorize j by 8 }\n"
                               "variant small when extent(i) < 40 { stage product { unroll i by 2 } }\n");
    REQUIRE(report(folder, {"--no-directives"}).code == 0);
    const std::string small = folder.read("report.html");
    CHECK(small.find("<dd><code>small</code> of the schedule is taken at these sizes</dd>") != std::string::npos);
    CHECK(section(small, "loops").find("class=\"unrolled\"") != std::string::npos);
    REQUIRE(report(folder, {"--no-directives", "--sizes", "i=40"}).code == 0);
    const std::string common = folder.read("report.html");
    CHECK(common.find("<dd><code>common</code> of the schedule is taken at these sizes</dd>") != std::string::npos);
    CHECK(section(common, "loops").find("class=\"unrolled\"") == std::string::npos);
}

TEST_CASE("an interrupted report writes nothing") {
    const Folder folder;
    write_tiny(folder);
    folder.write("report.html", "as it was\n");
    const Ran ran = report(folder, {}, {}, [](int pid) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1500));
        kill(pid, SIGINT);
    });
    CHECK(ran.signal == SIGINT);
    CHECK(ran.out.empty());
    CHECK(folder.read("report.html") == "as it was\n");
    CHECK(folder.list(".") == std::vector<std::string>{"report.html", "tiny.coulter", "tiny.sched"});
}

TEST_CASE("a report that cannot be made is refused before anything is measured") {
    const Folder folder;
    write_tiny(folder);
    folder.write("wrong.sched", "schedule tiny\nstage product { split q by 8 }\n");
    folder.write("machine.json", "{\"l1\": 1}");
    std::filesystem::create_directory(folder.path() / "folder");
    const std::vector<std::string> before = folder.list(".");
    std::string all;
    const auto told = [&](const std::vector<std::string>& arguments, int code,
                          const std::vector<std::string>& environment = {}) {
        const auto start = std::chrono::steady_clock::now();
        const Ran ran = folder.coulter(arguments, environment);
        CHECK(ran.code == code);
        CHECK(ran.out.empty());
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
        all += ran.err;
    };
    told({"report", "tiny.coulter", "tiny.sched"}, 2);
    told({"report", "tiny.coulter", "tiny.sched", "-o", "tiny.sched"}, 2);
    told({"report", "tiny.coulter", "tiny.sched", "-o", "./tiny.coulter"}, 2);
    told({"report", "tiny.coulter", "tiny.sched", "-o", "folder"}, 4);
    told({"report", "tiny.coulter", "tiny.sched", "-o", "nowhere/report.html"}, 4);
    told({"report", "tiny.coulter", "wrong.sched", "-o", "report.html"}, 1);
    told({"report", "tiny.coulter", "tiny.sched", "-o", "report.html", "--sizes", "q=1"}, 2);
    told({"report", "tiny.coulter", "tiny.sched", "-o", "report.html", "--store", "none.db"}, 4);
    told({"report", "tiny.coulter", "tiny.sched", "-o", "report.html", "--store", "tiny.sched"}, 4);
    told({"report", "tiny.coulter", "tiny.sched", "-o", "report.html", "--machine", "machine.json"}, 1);
    told({"report", "tiny.coulter", "tiny.sched", "-o", "report.html"}, 4,
         {"COULTER_LLVM_MCA=nowhere/llvm-mca", "XDG_CACHE_HOME=" + folder.path().string()});
    CHECK(folder.list(".") == before);
    CHECK_MESSAGE(golden_difference("cli/report_refused", all).empty(), golden_difference("cli/report_refused", all));
}
