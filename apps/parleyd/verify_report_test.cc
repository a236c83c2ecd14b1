#include "verify_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace parley::parleyd {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

const std::string kDamage = "Corruption: block checksum mismatch in ";

class Verified : public testing::Test {
  protected:
    std::vector<std::string> lines_;
    VerifyReport report_{[this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(Verified, ADamagedPlaceIsOneFindingAndNamesWhoMeetsIt) {
    report_.find_in_file("data/store/rocksdb/000017.sst",
                         kDamage + "data/store/rocksdb/000017.sst offset 40 size 9");
    report_.find_in_file("data/store/rocksdb/000018.log", "the record at byte 40 is damaged");
    report_.find("user bob", kDamage + "data/store/rocksdb/000017.sst offset 40 size 9");
    EXPECT_EQ(report_.findings(), 2u);
    ASSERT_THAT(lines_, SizeIs(3));
    EXPECT_EQ(lines_[2], "user bob: cannot be read because of that (000017.sst offset 40)");
}

TEST_F(Verified, AMailboxThatMeetsADamagedPlaceAgainIsNamedOnce) {
    const std::string damage = kDamage + "data/store/rocksdb/000017.sst offset 40 size 9";
    report_.find_in_file("data/store/rocksdb/000017.sst", damage);
    for (const char* const where : {"user bob", "user bob", "user carol"}) {
        report_.find(where, damage);
    }
    ASSERT_THAT(lines_, SizeIs(3));
    EXPECT_THAT(lines_[2], testing::StartsWith("user carol: "));
}

TEST_F(Verified, AUserWhoIsCalledLikeAFileHidesNothing) {
    report_.find("user 1.log", "its append key has another time");
    report_.find("user 1.log", "an append key leads to it, and it is missing");
    report_.find("user 1.log", kDamage + "store/rocksdb/000017.sst offset 40 size 9");
    report_.find("user 1.log", kDamage + "store/rocksdb/000018.sst offset 40 size 9");
    EXPECT_EQ(report_.findings(), 4u);
    EXPECT_THAT(lines_, SizeIs(4));
}

TEST_F(Verified, AFolderThatIsCalledLikeAFileHidesNothing) {
    for (const std::string folder : {"/srv/1.log/", "/srv/000001.sst.old/"}) {
        VerifyReport report([](const std::string&) {});
        for (const char* const name : {"000017.sst", "000018.sst"}) {
            const std::string file = folder + "store/rocksdb/" + name;
            report.find_in_file(file, "");
            report.find_in_file(file, kDamage + file + " offset 40 size 9");
            report.find("user bob", kDamage + file + " offset 41 size 9");
        }
        EXPECT_EQ(report.findings(), 6u) << folder;
    }
}

TEST_F(Verified, ManyFindingsAreOnlyCounted) {
    for (int i = 0; i < 1500; ++i) {
        report_.find("user " + std::to_string(i), "has no mailbox");
    }
    EXPECT_EQ(report_.findings(), 1500u);
    ASSERT_THAT(lines_, SizeIs(1001));
    EXPECT_EQ(lines_.back(), "more is wrong; only counted from here on");
}

}  // namespace
}  // namespace parley::parleyd
