// std::istream and std::streambuf bodies. Opt-in: including <istream> costs more than the rest of the library.
//
// The wrapper of a stream buffer is a stream buffer that reads through to the inner one without keeping any text; that of an
// istream is an istream on top of it. So they can be handed to whatever reads those. Reading to end-of-file is the end.
// A read of a stream buffer costs about 2 ns more than the bare one, through an istream 3.
#pragma once

#include <istream>
#include <streambuf>
#include <type_traits>
#include <utility>

#include <lastbyte/body/defer_until_consumed.hpp>

namespace lastbyte {

/// A stream buffer that counts what is read from another one. Reads need no seam in the producer: they go through
/// `underflow`, `uflow` and `xsgetn`. What is only peeked at does not count; what is put back and read again counts once;
/// what is read again after a seek counts again. At end-of-file the stream is let go of and the callback runs.
template <class Stream, class Hook>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] StreambufBody
    : public detail::BodyCore<StreambufBody<Stream, Hook>, Stream, Hook>,
      public std::streambuf {
    using Core = detail::BodyCore<StreambufBody, Stream, Hook>;
    using Traits = std::streambuf::traits_type;
    /// An istream is in the middle of a read when its buffer sees the end, and a callback that destroyed it then would
    /// pull the ground from under it; so there the callback waits for the drop, and the stream can still be rewound.
    static constexpr bool in_istream = std::is_base_of_v<std::istream, typename Core::stream_type>;

public:
    StreambufBody(Hook hook, detail::Held<Stream> stream) : Core(std::move(hook), std::move(stream)) {}
    StreambufBody(StreambufBody&& other) noexcept(std::is_nothrow_move_constructible_v<Core>)
        : Core(static_cast<Core&&>(other)), std::streambuf(other), put_back_(other.put_back_) {}
    StreambufBody& operator=(StreambufBody&& other) noexcept(std::is_nothrow_move_assignable_v<Core>)
        requires std::is_move_assignable_v<Core>
    {
        Core::operator=(static_cast<Core&&>(other));
        std::streambuf::operator=(other);
        put_back_ = other.put_back_;
        return *this;
    }

    /// For what takes a `std::streambuf*`, as `std::istream{body.rdbuf()}` does.
    [[nodiscard]] std::streambuf* rdbuf() noexcept { return this; }

protected:
    int_type underflow() override {
        return checked([](std::streambuf& from) { return from.sgetc(); });
    }
    int_type uflow() override {
        int_type const c = checked([](std::streambuf& from) { return from.sbumpc(); });
        if (!Traits::eq_int_type(c, Traits::eof())) took(1);
        return c;
    }
    std::streamsize xsgetn(char* to, std::streamsize size) override {
        std::streambuf* const from = this->hook_.flows() ? held_buffer() : nullptr;
        if (from == nullptr) [[unlikely]] return read(to, size);
        std::streamsize const count = watched([&]() -> std::streamsize { return from->sgetn(to, size); });
        bool const plain = count == size && this->hook_.took_another(static_cast<std::size_t>(count));
        return plain ? count : count_read(count, size);
    }
    int_type pbackfail(int_type c) override {
        if (this->hook_.over() || inner() == nullptr) return Traits::eof();
        bool const same = Traits::eq_int_type(c, Traits::eof());
        int_type const back = same ? inner()->sungetc() : inner()->sputbackc(Traits::to_char_type(c));
        if (!Traits::eq_int_type(back, Traits::eof())) put_back();
        return back;
    }
    std::streamsize showmanyc() override { return inner() == nullptr ? -1 : inner()->in_avail(); }
    int sync() override { return inner() == nullptr ? -1 : inner()->pubsync(); }
    pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode which) override {
        if (inner() == nullptr) return pos_type(off_type(-1));
        if (offset != 0 || from != std::ios_base::cur) put_back_ = 0;  // else it only asks where it is
        return inner()->pubseekoff(offset, from, which);
    }
    pos_type seekpos(pos_type position, std::ios_base::openmode which) override {
        if (inner() == nullptr) return pos_type(off_type(-1));
        put_back_ = 0;
        return inner()->pubseekpos(position, which);
    }

private:
    template <class, class>
    friend class IstreamBody;

    [[nodiscard]] std::streambuf* inner() { return this->stream_.held() ? held_buffer() : nullptr; }
    /// Only while the stream is held. An istream may have none.
    [[nodiscard]] std::streambuf* held_buffer() {
        if constexpr (std::is_base_of_v<std::streambuf, typename Core::stream_type>)
            return &this->stream_.get();
        else
            return static_cast<std::istream&>(this->stream_.get()).std::ios::rdbuf() == nullptr
                       ? nullptr
                       : this->stream_.get().rdbuf();
    }
    /// As long as the hook is armed the stream is held; an istream may have no buffer, or have failed before anybody read.
    [[nodiscard]] bool readable() {
        if (this->hook_.over()) [[unlikely]] return false;
        if constexpr (in_istream) {
            if (inner() == nullptr || (!this->hook_.meter().started() && this->stream_.get().fail())) [[unlikely]] {
                this->hook_.pulled();
                finish(Outcome::producer_error);
                return false;
            }
        }
        return true;
    }
    template <class Read>
    int_type checked(Read read) {
        if (!readable()) return Traits::eof();
        int_type const c = watched([&]() -> int_type { return read(*held_buffer()); });
        if (Traits::eq_int_type(c, Traits::eof())) finish(Outcome::complete);
        return c;
    }
    /// A character of what is read next has been counted: until it has been read, chunks are counted the long way.
    void put_back() noexcept {
        ++put_back_;
        this->hook_.halt();
    }
    void took(std::size_t size) noexcept {
        std::size_t const again = size < put_back_ ? size : put_back_;
        put_back_ -= again;
        this->hook_.took(size - again);
    }
    /// A read that is the first, or behind the end, or of what has been put back.
    [[gnu::noinline]] std::streamsize read(char* to, std::streamsize size) {
        if (!readable()) return 0;
        return count_read(watched([&]() -> std::streamsize { return held_buffer()->sgetn(to, size); }), size);
    }
    [[gnu::noinline]] std::streamsize count_read(std::streamsize count, std::streamsize size) {
        if (count > 0) took(static_cast<std::size_t>(count));
        if (count < size) finish(Outcome::complete);
        return count;
    }
    /// What is done about an exception needs nothing but `this`, so that the way without one keeps nothing else.
    template <class Read>
    [[gnu::always_inline]] auto watched(Read read) {
        return this->hook_.watch(read, [this]() noexcept { finish(Outcome::producer_error); });
    }
    [[gnu::noinline]] void finish(Outcome outcome) noexcept {
        outcome == Outcome::complete ? this->hook_.ended() : this->hook_.settle(outcome);
        if constexpr (!in_istream) {
            this->stream_.release();
            this->hook_.fire();
        }
    }

    std::size_t put_back_ = 0;
};

/// An istream whose stream buffer is a StreambufBody. It has the stream's format and exception mask and starts in the
/// state good; a stream that had failed fails at its first read, as a producer error. As with any istream, an exception
/// of the producer sets badbit and goes no further unless `exceptions()` says so. The callback runs when the body is
/// dropped.
template <class Stream, class Hook>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] IstreamBody
    : public std::istream, public detail::WriteOnly<IstreamBody<Stream, Hook>> {
    using Buffer = StreambufBody<Stream, Hook>;

public:
    using stream_type = typename detail::Held<Stream>::type;
    using deferred_body = IstreamBody;

    IstreamBody(Hook hook, detail::Held<Stream> stream)
        : std::istream(nullptr), buffer_(std::move(hook), std::move(stream)) {
        this->init(&buffer_);
        this->copyfmt(buffer_.stream_.get());
    }
    IstreamBody(IstreamBody&& other) noexcept(std::is_nothrow_move_constructible_v<Buffer>)
        : std::istream(std::move(other)), buffer_(std::move(other.buffer_)) {
        this->set_rdbuf(&buffer_);
    }
    /// The body that stood here ends first, as if destroyed; its callback must not destroy this one.
    IstreamBody& operator=(IstreamBody&& other) noexcept(std::is_nothrow_move_assignable_v<Buffer>)
        requires std::is_move_assignable_v<Buffer>
    {
        if (this == &other) return *this;
        buffer_ = std::move(other.buffer_);
        std::istream::operator=(std::move(other));
        return *this;
    }

    void told_by_server(Outcome why) noexcept { buffer_.told_by_server(why); }
    SharedBody<IstreamBody> shared() && { return SharedBody<IstreamBody>{std::move(*this)}; }

private:
    Buffer buffer_;
};

template <class Stream>
    requires std::is_base_of_v<std::streambuf, Stream>
struct body_shape<Stream> {
    template <class Held, class Hook>
    using type = StreambufBody<Held, Hook>;
};
template <class Stream>
    requires std::is_base_of_v<std::istream, Stream>
struct body_shape<Stream> {
    template <class Held, class Hook>
    using type = IstreamBody<Held, Hook>;
};

}  // namespace lastbyte
