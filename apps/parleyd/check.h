#pragma once

#include "base/time.h"
#include "settings.h"

#include <string>
#include <vector>

namespace parley::parleyd {

// What `parleyd check` finds outside of the configuration: in the files that it names, and of the
// hosts to listen at. One line each, with the key and where it was given.
struct Findings {
    std::vector<std::string> mistakes;
    std::vector<std::string> notes;  // what is to be known, and wrong only later
};

// `loaded` has no problems: a half-read configuration would name files that nobody meant. Reads
// files, looks names up, tries whether the hosts are this machine's and whether the data folder can
// be made; nothing of it stays, and a server that runs notices nothing.
Findings look_around(const Loaded& loaded, WallTime now);

}  // namespace parley::parleyd
