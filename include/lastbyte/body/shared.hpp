// SharedBody: a body that can be copied, for servers that keep it in a std::function.
//
// All copies are one body, and the last one dropped ends it. Without it such a server can't take a body at all, or would
// run a callback per copy. Costs one allocation, once.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <lastbyte/core/atomic.hpp>
#include <lastbyte/core/write_only.hpp>

namespace lastbyte {

/// Copies of one body. Copies of it may be made and dropped by several threads at once; whoever pulls, or asks it
/// anything, must be alone with it, as with the stream itself. A moved-from copy may only be destroyed or assigned to.
template <class Body>
class [[nodiscard("lastbyte: a body must be given to the server; dropped here, it is abandoned at once.")]] SharedBody
    : public detail::WriteOnly<SharedBody<Body>> {
public:
    using deferred_body = Body;

    /// When there is no memory, this throws and `body` is untouched.
    explicit SharedBody(Body&& body) : node_(new Node(std::move(body))) {}
    SharedBody(SharedBody const& other) noexcept : node_(other.node_) {
        if (node_ != nullptr) node_->references.add_relaxed(1);
    }
    SharedBody(SharedBody&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
    SharedBody& operator=(SharedBody other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }
    ~SharedBody() {
        if (node_ != nullptr && node_->references.sub_acq_rel(1) == 1) delete node_;
    }

    /// The one body, with all its members.
    [[nodiscard]] Body& operator*() const noexcept { return node_->body; }
    [[nodiscard]] Body* operator->() const noexcept { return &node_->body; }

    template <class... Args>
        requires std::is_invocable_v<Body&, Args...>
    decltype(auto) operator()(Args&&... args) const noexcept(std::is_nothrow_invocable_v<Body&, Args...>) {
        return node_->body(std::forward<Args>(args)...);
    }
    [[nodiscard]] decltype(auto) begin() const
        requires requires(Body& body) { body.begin(); }
    {
        return node_->body.begin();
    }
    [[nodiscard]] decltype(auto) end() const
        requires requires(Body& body) { body.end(); }
    {
        return node_->body.end();
    }
    [[nodiscard]] decltype(auto) next() const
        requires requires(Body& body) { body.next(); }
    {
        return node_->body.next();
    }
    template <class Buffer, class Handler>
        requires requires(Body& body, Buffer&& buffer, Handler&& handler) {
            body.async_read_some(std::forward<Buffer>(buffer), std::forward<Handler>(handler));
        }
    decltype(auto) async_read_some(Buffer&& buffer, Handler&& handler) const {
        return node_->body.async_read_some(std::forward<Buffer>(buffer), std::forward<Handler>(handler));
    }
    [[nodiscard]] decltype(auto) data() const
        requires requires(Body& body) { body.data(); }
    {
        return node_->body.data();
    }
    [[nodiscard]] decltype(auto) size() const
        requires requires(Body& body) { body.size(); }
    {
        return node_->body.size();
    }
    [[nodiscard]] operator std::string_view() const
        requires requires(Body& body) { body.view(); }
    {
        return node_->body.view();
    }
    [[nodiscard]] decltype(auto) size_hint() const
        requires requires(Body& body) { body.size_hint(); }
    {
        return node_->body.size_hint();
    }
    template <class... Position>
        requires requires(Body& body, Position&&... position) { body.seek(std::forward<Position>(position)...); }
    decltype(auto) seek(Position&&... position) const {
        return node_->body.seek(std::forward<Position>(position)...);
    }

private:
    struct Node {
        Body body;
        detail::Atomic<std::uint32_t> references;
        explicit Node(Body&& given) : body(std::move(given)), references(1) {}
    };
    Node* node_;
};

}  // namespace lastbyte
