// lastbyte: telemetry that can only be read after the last byte.
//
// The core, whole: labels, tier rules, spans, tracers, snapshots, and bodies whose facts exist only in the callback of
// defer_until_consumed. What most users include; it brings no thread, no I/O, no <string>, no <chrono>.
#pragma once

#include <lastbyte/body/defer_until_consumed.hpp>
