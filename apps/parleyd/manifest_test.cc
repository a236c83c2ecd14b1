#include "manifest.h"

#include <gmock/gmock.h>

namespace parley::parleyd {
namespace {

using testing::HasSubstr;

Manifest example() {
    return {"2026-11-22T16:00:00Z",
            "0.1.0",
            "5f0c",
            {{"application.json", 120, std::string(64, 'a')},
             {"store/rocksdb/000012.sst", 4096, ""},
             {"a name with spaces", 0, std::string(64, 'b')}}};
}

std::string why_refused(const std::string& text) {
    const auto decoded = decode_manifest(text);
    return decoded ? "" : decoded.error().description;
}

TEST(Manifest, IsReadAsItWasWritten) {
    const auto decoded = decode_manifest(encode(example()));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().description;
    EXPECT_EQ(decoded->made, "2026-11-22T16:00:00Z");
    EXPECT_EQ(decoded->epoch, "5f0c");
    ASSERT_EQ(decoded->files.size(), 3u);
    EXPECT_EQ(decoded->files[1].path, "store/rocksdb/000012.sst");
    EXPECT_EQ(decoded->files[1].sha256, "");
    EXPECT_EQ(decoded->files[2].path, "a name with spaces");
    EXPECT_EQ(decoded->bytes(), 4216u);
    EXPECT_EQ(encode(*decoded), encode(example()));
}

TEST(Manifest, IsRefusedWhereverItWasCutOrChanged) {
    const std::string whole = encode(example());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_NE(why_refused(whole.substr(0, size)), "") << size;
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] = changed[at] == 'x' ? 'y' : 'x';
        EXPECT_NE(why_refused(changed), "") << at;
    }
}

// The hash covers what comes before it: nothing may come behind.
TEST(Manifest, IsRefusedWhenSomethingFollowsItsLastLine) {
    const std::string whole = encode(example());
    for (const char* more : {"\n", "file 1 - evil\n", "end"}) {
        EXPECT_THAT(why_refused(whole + more), HasSubstr("does not end with its last line"));
    }
}

TEST(Manifest, SaysWhatIsNoBackup) {
    EXPECT_THAT(why_refused("parley backup 2\n"), HasSubstr("newer parleyd"));
    EXPECT_THAT(why_refused("{}"), HasSubstr("no backup"));
}

// What comes from elsewhere must not reach out of the folder that it is put into.
TEST(Manifest, TakesNoPathThatLeavesTheFolder) {
    for (const char* path : {"../secret", "/etc/passwd", "a/../../b", "./a", "a//", ""}) {
        Manifest manifest = example();
        manifest.files.push_back({path, 1, std::string(64, 'c')});
        EXPECT_THAT(why_refused(encode(manifest)), HasSubstr("names no file")) << path;
    }
}

}  // namespace
}  // namespace parley::parleyd
