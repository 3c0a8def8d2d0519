#pragma once
/// The parser of the `.coulter` text form: recursive descent with a limit of depth, an item at a time.

#include "const_file.hpp"
#include "coulter/text.hpp"
#include "text_lex.hpp"

#include <functional>
#include <unordered_map>

namespace coulter::text {

inline constexpr std::size_t largest_text = std::size_t{16} << 20;
inline constexpr std::size_t most_items = 100'000;
inline constexpr std::size_t most_nodes = 1'000'000;
inline constexpr std::size_t most_dim_uses = 100'000; ///< those that are checked where they stand
inline constexpr std::size_t most_errors = 50;
inline constexpr std::size_t most_dims = 64; ///< of one tensor, reduction or access
inline constexpr int deepest_nesting = 256;

/// What the parser knows of a tensor before it reads expressions.
struct Symbol {
    std::vector<std::string> dims;
    std::vector<Type> types;
    Span span;
    bool is_definition = false;
    bool is_input = false;
};

class Parser {
public:
    /// `load_consts` gives the content of the const file; it is called at most once, when the text refers to it.
    Parser(std::string_view text, std::string file, std::function<std::string_view()> load_consts);

    [[nodiscard]] ParseResult run();

private:
    struct StopItem {}; ///< thrown after a syntax error was reported: the rest of the item is skipped
    struct StopAll {};  ///< thrown when nothing that follows is worth reading

    struct Body {
        std::size_t position; ///< in the kernel's list
        Lexer lexer;          ///< behind the `=`
    };

    // Reports.
    void error(const char* code, const Token& at, std::string message, std::string help = {},
               std::vector<Note> notes = {});
    [[noreturn]] void syntax(const Token& found, const std::string& wanted, std::string help = {});
    [[nodiscard]] Span span_of(const Token& token) const;

    // Tokens.
    [[nodiscard]] bool accept(std::string_view symbol);
    Token expect(std::string_view symbol, const std::string& where);
    Token expect_name(const std::string& what);
    void expect_end(const std::string& after);

    // Items: heads first, so that expressions may name what stands below them.
    void check_bytes();
    [[nodiscard]] bool read_version(const Item& item);
    void read_head(const Item& item, bool first);
    void read_kernel_name();
    void read_dim();
    void read_input();
    void read_const();
    void read_definition();
    void read_output();
    void read_update();
    void read_estimate();
    void read_group();
    void read_macros();
    void read_rule();
    void finish_rules();
    [[nodiscard]] std::vector<std::string> read_dims();
    [[nodiscard]] Type read_type();
    [[nodiscard]] std::vector<std::string> read_tensor_list();
    void declare(const Token& name, Symbol symbol);
    void with_item(const std::function<void()>& read);

    // Bodies.
    void read_extent(ir::Dim& dim);
    void read_const_body(ir::Const& constant);
    void read_elements(ir::Const& constant, const Token& at, double wanted);
    void read_const_reference(ir::Const& constant, const std::vector<std::int64_t>& shape);
    void read_definition_body(ir::Definition& definition);
    [[nodiscard]] ir::Reduction read_reduction_head(ir::ReduceOp op);
    [[nodiscard]] ir::Scan read_scan_head();
    [[nodiscard]] std::vector<ir::Ref> read_values(std::size_t count);
    void read_more_values(ir::Definition& definition);
    void read_lets();
    [[nodiscard]] Token check_dim(Token name);

    // Expressions. A mistake of meaning is reported and gives poison_, which spreads without further reports.
    [[nodiscard]] ir::Ref expression(int least_precedence = 1);
    [[nodiscard]] ir::Ref prefixed();
    [[nodiscard]] ir::Ref primary();
    [[nodiscard]] ir::Ref literal(const Token& token, bool negative);
    [[nodiscard]] ir::Ref named(const Token& name);
    [[nodiscard]] ir::Ref state(const Token& name);
    [[nodiscard]] bool read_steps(const Token& name, ir::Node& node);
    [[nodiscard]] ir::Ref built_in(const Token& name);
    [[nodiscard]] ir::Ref access(const Token& name);
    [[nodiscard]] ir::Ref bounded_access(const Token& word);
    [[nodiscard]] Token expect_tensor(const Token& word);
    void read_bindings(const Token& name, const Symbol* symbol, ir::Node& node);
    [[nodiscard]] std::vector<ir::Ref> arguments(const Token& function, std::size_t wanted);
    [[nodiscard]] ir::Ref operation(ir::Kind kind, ir::Op op, std::vector<ir::Ref> args, const Token& at);
    [[nodiscard]] ir::Ref made(ir::Ref node);
    [[nodiscard]] bool poisoned(const std::vector<ir::Ref>& args) const;
    [[nodiscard]] std::vector<std::string> tensor_names() const;
    [[nodiscard]] std::vector<std::string> dim_names() const;

    void validate();
    [[nodiscard]] ParseResult finish();

    std::string_view text_;
    std::string file_;
    std::function<std::string_view()> load_consts_;
    std::optional<ConstFile> const_file_;

    ir::Kernel kernel_;
    Span kernel_span_;
    std::unordered_map<std::string, std::size_t> dims_; ///< position in kernel_.dims
    std::unordered_map<std::string, Symbol> tensors_;
    std::vector<Body> extents_;
    std::vector<Body> consts_;
    std::vector<Body> definitions_;
    struct Rule {
        Token path;
        std::string text;
    };
    std::vector<Rule> rules_;
    std::vector<Token> dim_uses_; ///< in heads, of dims that may be declared below them
    std::vector<Lexer> later_;    ///< outputs, updates, estimates and groups name what may stand below them

    Lexer lexer_;
    std::unordered_map<std::string_view, ir::Ref> lets_;
    const std::vector<Type>* state_types_ = nullptr; ///< of the definition that is read
    std::vector<Type> value_types_;                  ///< what `right` has there
    const ir::Scan* scan_ = nullptr;                 ///< once its values are read
    ir::Ref poison_;
    int depth_ = 0;
    std::size_t nodes_ = 0;
    std::vector<Diagnostic> diagnostics_;
};

/// A token as messages show it.
[[nodiscard]] std::string shown(const Token& token);

} // namespace coulter::text
