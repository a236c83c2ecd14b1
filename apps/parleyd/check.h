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

// Leaves out what stands in place of a value that was refused, and all if the file could not be
// read: nobody meant it. Reads files, looks names up, tries whether the hosts are this machine's
// and whether the data folder can be made; nothing of it stays, and a server that runs notices
// nothing.
Findings look_around(const Loaded& loaded, WallTime now);

}  // namespace parley::parleyd
