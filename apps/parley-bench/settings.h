#pragma once

#include "base/ids.h"

#include <string>
#include <vector>

namespace parley::bench {

struct Settings {
    std::string workload;
    std::string url = "ws://127.0.0.1:7700";
    std::string ca_file;
    std::vector<std::string> sources;
    ApplicationKey application;
    std::string secret;
    std::string issuer_prefix;
    std::string run;  // in the names of the users: of this run alone, unless it was given
    // pairs: how many; offline: absent users; idle and storm: devices; fanout: recipients
    std::size_t pairs = 100;
    // pairs, offline, fanout: submissions without their end per sender
    std::size_t outstanding = 1;
    double rate = 0;           // pairs: messages/s in all, open loop; 0: closed loop
    std::size_t messages = 0;  // offline: in all; storm: events each
    std::size_t text_bytes = 100;
    std::size_t senders = 1;  // fanout: each with recipients of its own
    bool enrol = true;        // offline: the users connect once before there are messages for them
    bool drain = true;        // offline: the users then fetch them
    bool resync = false;      // offline: and once more, as a new device
    std::size_t threads = 1;
    std::size_t connecting = 256;  // connections in the making at once, over all threads
    double seconds = 10;
    double warmup = 1;   // pairs, fanout: before it is measured
    double settle = 10;  // pairs, fanout: after it, for answers to what was due in it
    int server_pid = 0;
    bool progress = false;
};

}  // namespace parley::bench
