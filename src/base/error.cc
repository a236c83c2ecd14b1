#include "parley/error.h"

#include <utility>

namespace parley {

namespace {

ErrorDomain domain_of(ErrorCode code) {
    const int number = static_cast<int>(code);
    if (number >= 1000 && number < 2000) {
        return ErrorDomain::network;
    }
    if (number >= 2000 && number < 3000) {
        return ErrorDomain::capability;
    }
    if (number >= 3000 && number < 4000) {
        return ErrorDomain::session;
    }
    return ErrorDomain::other;
}

bool is_retryable(ErrorCode code) {
    switch (code) {
        case ErrorCode::connection_refused:
        case ErrorCode::timed_out:
        case ErrorCode::server_error:
        case ErrorCode::draining:
        case ErrorCode::mailbox_reset:
        case ErrorCode::too_many_connections:
        case ErrorCode::store_full:
            return true;
        default:
            return false;
    }
}

}  // namespace

Error make_error(ErrorCode code, std::string description) {
    return {domain_of(code), code, std::move(description), is_retryable(code)};
}

std::string_view to_string(ErrorDomain domain) {
    switch (domain) {
        case ErrorDomain::network:
            return "network";
        case ErrorDomain::capability:
            return "capability";
        case ErrorDomain::session:
            return "session";
        case ErrorDomain::other:
            break;
    }
    return "other";
}

std::string_view error_domain_name(ErrorDomain domain) {
    switch (domain) {
        case ErrorDomain::network:
            return "SINErrorDomainNetwork";
        case ErrorDomain::capability:
            return "SINErrorDomainCapability";
        case ErrorDomain::session:
            return "SINErrorDomainSession";
        case ErrorDomain::other:
            break;
    }
    return "SINErrorDomainOther";
}

}  // namespace parley
