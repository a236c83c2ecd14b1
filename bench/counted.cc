#include "counted.h"

extern "C" void parley_counted(parley::Task& call, std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
        call();
    }
}
