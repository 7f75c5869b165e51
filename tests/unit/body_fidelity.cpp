// A wrapped stream is the stream that went in: the same bytes, the same members, the same types.
#include <doctest/doctest.h>

#include "every_shape.hpp"

#include <list>
#include <type_traits>
#if !defined(__clang__) || __clang_major__ >= 16  // earlier ones can't compile libstdc++'s views
#include <ranges>
#endif

using lastbyte::Outcome;
using namespace shapes;

namespace {

/// A text in which no two neighbouring pieces are alike.
std::string text_of(std::size_t size) {
    std::string text(size, '\0');
    std::uint32_t state = 1;
    for (char& c : text) {
        state = state * 1664525u + 1013904223u;
        c = static_cast<char>(state >> 24);
    }
    return text;
}

std::string const& ten_mebibytes() {
    static auto const text = text_of(std::size_t{10} << 20);
    return text;
}

std::vector<std::string> cut(std::string const& text, std::size_t piece) {
    std::vector<std::string> chunks;
    for (std::size_t at = 0; at < text.size(); at += piece) chunks.push_back(text.substr(at, piece));
    return chunks;
}

template <class S>
void check_same_bytes(std::string const& text, std::size_t piece) {
    auto bare = S::stream(Producer{{.chunks = cut(text, piece)}});
    CHECK(S::drive(bare, all, piece).text == text);
    Seen seen;
    {
        auto body = make<S>(seen, {.chunks = cut(text, piece)}, lastbyte::Tracer<Docs>{});
        auto const taken = S::drive(body, all, piece);
        CHECK(taken.text == text);
        CHECK(taken.end);
    }
    CHECK(seen.bytes == text.size());
    CHECK(seen.outcome == Outcome::complete);
    std::size_t const pieces = (text.size() + piece - 1) / piece;
    CHECK(seen.chunks == (S::traits.stepwise || text.empty() ? pieces : 1));
}

}  // namespace

TEST_CASE_TEMPLATE("a wrapped stream is byte for byte the bare one, whatever its size and its chunks", S, EVERY_SHAPE) {
    for (std::size_t const size : {0u, 1u, 65535u, 65536u, 65537u})
        for (std::size_t const piece : {7u, 4096u, 65535u, 65536u}) check_same_bytes<S>(text_of(size), piece);
    for (std::size_t const size : {0u, 1u, 65537u}) check_same_bytes<S>(text_of(size), 1);
    auto const& large = ten_mebibytes();
    for (std::size_t const piece : {16384u, 65536u}) check_same_bytes<S>(large, piece);
}

// What follows holds at compile time; the test cases say in which words.
namespace {

struct Ignore {
    template <class Facts>
    void operator()(Facts const&) const {}
};
template <class Stream>
using Wrapped = decltype(lastbyte::defer_until_consumed(std::declval<Stream>(), [](lastbyte::Consumption const&) {}));

template <class Stream>
concept HasSizeHint = requires(Stream const& stream) {
    stream.size_hint();
};
template <class Stream>
concept HasSize = requires(Stream const& stream) {
    stream.size();
};
template <class Stream>
concept HasSeek = requires(Stream& stream) {
    stream.seek(1L);
};
template <class Stream>
concept HasExecutor = requires(Stream& stream) {
    stream.get_executor();
    typename Stream::executor_type;
};

struct Hint {
    std::uint64_t lower, upper;
    friend bool operator==(Hint const&, Hint const&) = default;
};

struct PlainPull {
    std::optional<std::string> operator()() { return std::nullopt; }
};
struct RichPull {
    long at = 0;
    std::optional<std::string_view> operator()() noexcept {
        if (at == 3) return std::nullopt;
        ++at;
        return "text";
    }
    [[nodiscard]] Hint size_hint() const noexcept { return {12, 12}; }
    [[nodiscard]] std::size_t size() const { return 12; }
    long& seek(long to) noexcept { return at = to, at; }
};

}  // namespace

TEST_CASE("a wrapper has size_hint, size and seek where its stream has them, and nowhere else") {
    static_assert(HasSizeHint<Wrapped<RichPull>> && HasSize<Wrapped<RichPull>> && HasSeek<Wrapped<RichPull>>);
    static_assert(!HasSizeHint<Wrapped<PlainPull>> && !HasSize<Wrapped<PlainPull>> && !HasSeek<Wrapped<PlainPull>>);
    static_assert(!HasSeek<Wrapped<std::vector<std::string>>> && HasSize<Wrapped<std::vector<std::string>>>);
    static_assert(std::is_same_v<decltype(std::declval<Wrapped<RichPull>&>().seek(1)), long&>);
    static_assert(noexcept(std::declval<Wrapped<RichPull>&>().seek(1)));
    static_assert(noexcept(std::declval<Wrapped<RichPull>&>().size_hint()));
    static_assert(!noexcept(std::declval<Wrapped<RichPull>&>().size()));

    auto body = lastbyte::defer_until_consumed(RichPull{}, Ignore{});
    CHECK(body.size_hint() == Hint{12, 12});
    CHECK(body.size() == 12);
    CHECK(body.seek(2) == 2);
    CHECK(body() == "text");
    CHECK_FALSE(body());
    // The stream is gone by now; a server may still ask.
    CHECK(body.size_hint() == Hint{0, 0});
    CHECK(body.size() == 0);
}

TEST_CASE("seeking moves the stream itself, and what is read again counts again") {
    Seen seen;
    {
        auto body = lastbyte::defer_until_consumed(RichPull{}, NotePlain{&seen});
        (void)body();
        (void)body.seek(0);
        CHECK(Pull::drive(body).chunks == 3);
    }
    CHECK(seen.bytes == 16);
}

TEST_CASE("a call to a wrapper gives what the stream's gives, and is noexcept where the stream's is") {
    static_assert(std::is_same_v<decltype(std::declval<Wrapped<RichPull>&>()()), std::optional<std::string_view>>);
    static_assert(std::is_same_v<decltype(std::declval<Wrapped<PlainPull>&>()()), std::optional<std::string>>);
    static_assert(std::is_nothrow_invocable_v<Wrapped<RichPull>&> && !std::is_nothrow_invocable_v<Wrapped<PlainPull>&>);

    struct QuietRead {
        int operator()(char*, std::size_t) noexcept { return 0; }
    };
    struct Read {
        unsigned operator()(char*, std::size_t) { return 0; }
    };
    static_assert(std::is_same_v<std::invoke_result_t<Wrapped<QuietRead>&, char*, std::size_t>, int>);
    static_assert(std::is_same_v<std::invoke_result_t<Wrapped<Read>&, char*, std::size_t>, unsigned>);
    static_assert(std::is_nothrow_invocable_v<Wrapped<QuietRead>&, char*, std::size_t>);
    static_assert(!std::is_nothrow_invocable_v<Wrapped<Read>&, char*, std::size_t>);

    struct Sink {
        bool write(char const*, std::size_t) noexcept { return true; }
        void done() noexcept {}
    };
    auto quiet_push = [](auto& sink) noexcept { sink.write("a", std::size_t{1}); };
    auto push = [](auto& sink) { return sink.write("a", std::size_t{1}) ? 1 : 0; };
    auto provider = [](std::size_t, std::size_t, auto& sink) noexcept { return sink.write("a", std::size_t{1}); };
    auto endless = [](std::size_t, auto& sink) { return sink.write("a", std::size_t{1}); };
    using QuietPush = Wrapped<decltype(quiet_push)>;
    using Push = Wrapped<decltype(push)>;
    using Provide = Wrapped<decltype(provider)>;
    using Endless = Wrapped<decltype(endless)>;
    static_assert(std::is_nothrow_invocable_r_v<void, QuietPush&, Sink&> && !std::is_nothrow_invocable_v<Push&, Sink&>);
    static_assert(std::is_same_v<std::invoke_result_t<Push&, Sink&>, int>);
    static_assert(std::is_same_v<std::invoke_result_t<Provide&, std::size_t, std::size_t, Sink&>, bool>);
    static_assert(std::is_nothrow_invocable_v<Provide&, std::size_t, std::size_t, Sink&>);
    static_assert(std::is_same_v<std::invoke_result_t<Endless&, std::size_t, Sink&>, bool>);
    // With another number of arguments, they can be called as little as their streams.
    static_assert(!std::is_invocable_v<Push&, std::size_t, Sink&> &&
                  !std::is_invocable_v<Push&, std::size_t, std::size_t, Sink&>);
    static_assert(!std::is_invocable_v<Provide&, Sink&> && !std::is_invocable_v<Provide&, std::size_t, Sink&>);
    static_assert(!std::is_invocable_v<Endless&, Sink&> &&
                  !std::is_invocable_v<Endless&, std::size_t, std::size_t, Sink&>);
}

TEST_CASE("a wrapped range has the iterator category, reference and sentinel kind of the range that went in") {
    using Vector = std::vector<std::string>;
    static_assert(std::ranges::forward_range<Wrapped<Vector>> && std::ranges::common_range<Wrapped<Vector>>);
    static_assert(std::ranges::sized_range<Wrapped<Vector>>);
    static_assert(std::is_same_v<std::ranges::range_reference_t<Wrapped<Vector>>, std::string&>);
    static_assert(std::is_same_v<std::ranges::range_rvalue_reference_t<Wrapped<Vector>>, std::string&&>);
    static_assert(std::ranges::forward_range<Wrapped<std::list<std::string_view>>>);

    using Single = Generator;
    static_assert(std::ranges::input_range<Wrapped<Single>> && !std::ranges::forward_range<Wrapped<Single>>);
    static_assert(!std::ranges::common_range<Wrapped<Single>>);
    static_assert(std::is_same_v<std::ranges::range_reference_t<Wrapped<Single>>, std::string const&>);

#if !defined(__clang__) || __clang_major__ >= 16
    auto const upper = [](std::string const& text) { return text + "!"; };
    using View = decltype(std::declval<Vector&>() | std::views::transform(upper));
    static_assert(std::ranges::forward_range<Wrapped<View>>);
    static_assert(std::is_same_v<std::ranges::range_reference_t<Wrapped<View>>, std::string>);
    static_assert(!noexcept(*std::declval<Wrapped<View>&>().begin()));
#endif

    struct Quiet {
        std::string_view const* begin() const noexcept { return nullptr; }
        std::string_view const* end() const noexcept { return nullptr; }
    };
    static_assert(noexcept(std::declval<Wrapped<Quiet>&>().begin())&& noexcept(std::declval<Wrapped<Quiet>&>().end()));
    static_assert(
        noexcept(*std::declval<Wrapped<Quiet>&>().begin())&& noexcept(++std::declval<Wrapped<Quiet>::Iterator&>()));
}

namespace {

struct WithExecutor {
    struct executor_type {};
    executor_type get_executor() { return {}; }
    template <class Done>
    int async_read_some(Buffer, Done) {
        return 7;
    }
};

}  // namespace

namespace {

/// An async stream of which each step may or may not throw, as it is told.
template <bool Next, bool Ready, bool Suspend, bool Resume>
struct Quiet {
    struct Awaiter {
        bool await_ready() noexcept(Ready) { return true; }
        void await_suspend(std::coroutine_handle<>) noexcept(Suspend) {}
        std::optional<std::string_view> await_resume() noexcept(Resume) { return std::nullopt; }
    };
    Awaiter next() noexcept(Next) { return {}; }
};
template <bool Next, bool Ready, bool Suspend, bool Resume>
constexpr bool same_promises() {
    using Body = Wrapped<Quiet<Next, Ready, Suspend, Resume>>;
    using Awaited = decltype(std::declval<Body&>().next());
    return noexcept(std::declval<Body&>().next()) == Next&& noexcept(std::declval<Awaited&>().await_ready()) ==
           Ready&& noexcept(std::declval<Awaited&>().await_suspend(std::coroutine_handle<>{})) ==
           Suspend&& noexcept(std::declval<Awaited&>().await_resume()) == Resume;
}

}  // namespace

TEST_CASE("what is awaited of a wrapped stream is noexcept, step by step, where the stream's is") {
    static_assert(same_promises<true, true, true, true>() && same_promises<false, true, true, true>());
    static_assert(same_promises<true, false, true, true>() && same_promises<true, true, false, true>());
    static_assert(same_promises<true, true, true, false>() && same_promises<false, false, false, false>());
    using Body = Wrapped<Quiet<true, true, true, true>>;
    static_assert(
        std::is_same_v<decltype(std::declval<Body&>().next().await_resume()), std::optional<std::string_view>>);
    static_assert(std::is_void_v<decltype(std::declval<Body&>().next().await_suspend(std::coroutine_handle<>{}))>);
}

TEST_CASE(
    "a wrapped completion stream has the executor of the stream where that has one, and returns what it returns") {
    static_assert(HasExecutor<Wrapped<WithExecutor>> && !HasExecutor<Wrapped<shapes::Handler::Stream>>);
    auto body = lastbyte::defer_until_consumed(WithExecutor{}, Ignore{});
    CHECK(body.async_read_some(Buffer{nullptr, 1}, [](Error, std::size_t) {}) == 7);
    auto const moved = std::move(body);
    CHECK(body.async_read_some(Buffer{nullptr, 1}, [](Error, std::size_t) {}) == 0);
}

TEST_CASE_TEMPLATE("a body is movable without exceptions where its stream is, and never copied", S, EVERY_SHAPE) {
    using Body = BodyOf<S>;
    static_assert(std::is_nothrow_move_constructible_v<Body> && std::is_nothrow_move_assignable_v<Body>);
    static_assert(!std::is_copy_constructible_v<Body> && !std::is_copy_assignable_v<Body>);
    using Shared = decltype(std::declval<Body>().shared());
    static_assert(std::is_nothrow_copy_constructible_v<Shared> && std::is_nothrow_copy_assignable_v<Shared>);
    static_assert(std::is_nothrow_swappable_v<Body> && std::is_nothrow_swappable_v<Shared>);
}

TEST_CASE("only a wrapper of a stream buffer has virtual functions, for those are what it is") {
    static_assert(!std::is_polymorphic_v<BodyOf<Pull>> && !std::is_polymorphic_v<BodyOf<Read>>);
    static_assert(!std::is_polymorphic_v<BodyOf<Provider>> && !std::is_polymorphic_v<BodyOf<Push>>);
    static_assert(!std::is_polymorphic_v<BodyOf<Range>> && !std::is_polymorphic_v<BodyOf<IteratorPair>>);
    static_assert(!std::is_polymorphic_v<BodyOf<SyncGenerator>> && !std::is_polymorphic_v<BodyOf<Async>>);
    static_assert(!std::is_polymorphic_v<BodyOf<shapes::Handler>> && !std::is_polymorphic_v<BodyOf<String>>);
    static_assert(std::is_base_of_v<std::streambuf, BodyOf<Streambuf>> &&
                  std::is_base_of_v<std::istream, BodyOf<Istream>>);
}

TEST_CASE_TEMPLATE("a wrapper is itself a stream of the shape that it wraps", S, Pull, Read,
                   Provider, Push, Range, SyncGenerator, Async, Handler) {
    using Stream = decltype(S::stream(Producer{Script{}}));
    CHECK(lastbyte::body_shape<Stream>::shape == lastbyte::body_shape<BodyOf<S>>::shape);
}

TEST_CASE("an over-aligned stream stays aligned, in a body and in a shared one") {
    struct alignas(64) Aligned {
        char text[64] = "text";
        bool right() const { return reinterpret_cast<std::uintptr_t>(this) % 64 == 0; }
        std::optional<std::string_view> operator()() {
            if (!right()) return "not aligned";
            return std::nullopt;
        }
    };
    auto body = lastbyte::defer_until_consumed(Aligned{}, Ignore{});
    auto moved = std::move(body);
    CHECK_FALSE(moved());
    auto shared = lastbyte::defer_until_consumed(Aligned{}, Ignore{}).shared();
    CHECK_FALSE(shared());
}

TEST_CASE("a const stream that somebody else owns can be watched") {
    struct Constant {
        std::optional<std::string_view> operator()() const { return std::nullopt; }
    };
    Constant const stream;
    Seen seen;
    { CHECK_FALSE(lastbyte::defer_until_consumed(lastbyte::defer_ref(stream), NotePlain{&seen})()); }
    CHECK(seen.outcome == Outcome::complete);
    std::string const text = "text";
    { CHECK(lastbyte::defer_until_consumed(lastbyte::defer_ref(text), NotePlain{&seen}).view() == "text"); }
    CHECK(seen.bytes == 4);
}
