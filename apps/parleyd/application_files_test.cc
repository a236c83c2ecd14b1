#include "application_files.h"

#include "application_file.h"
#include "base/crypto.h"
#include "files.h"
#include "io/testing/counting_entropy.h"

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace parley::parleyd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kPrefix = "//rtc.sinch.com/applications/";

class ApplicationFolder : public testing::Test {
  protected:
    ApplicationFolder() {
        EXPECT_TRUE(load_or_make_application(path_ + "/application.json", kPrefix, entropy_));
        EXPECT_TRUE(files_.reload());
    }
    ~ApplicationFolder() override { std::filesystem::remove_all(path_); }

    ApplicationKey first() const { return files_.entries().front().application.key; }
    std::vector<std::string> keys() const {
        std::vector<std::string> keys;
        for (const auto& entry : files_.entries()) {
            keys.push_back(entry.application.key.value());
        }
        return keys;
    }
    // As another process would read them.
    std::vector<std::string> secrets_on_disk(const ApplicationKey& key) {
        ApplicationFiles others(path_, kPrefix, entropy_);
        EXPECT_TRUE(others.reload());
        return others.find(key)->application.secrets;
    }
    static std::string make_folder() {
        std::string pattern = testing::TempDir() + "parleyd-XXXXXX";
        return ::mkdtemp(pattern.data());
    }
    static unsigned mode_of(const std::string& path) {
        struct stat status{};
        return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
    }

    io::CountingEntropy entropy_;
    std::string path_ = make_folder();
    ApplicationFiles files_{path_, kPrefix, entropy_};
};

TEST_F(ApplicationFolder, HasTheOneOfTheFirstStart) {
    ASSERT_EQ(files_.entries().size(), 1u);
    EXPECT_TRUE(files_.entries()[0].is_first);
    EXPECT_FALSE(files_.entries()[0].has_previous());
}

TEST_F(ApplicationFolder, MakesFurtherOnesInPrivateFiles) {
    const auto random = files_.create(std::nullopt);
    const auto named = files_.create("A_named-1");
    ASSERT_TRUE(random && named);
    EXPECT_EQ(random->application.key.value().size(), 36u);
    EXPECT_EQ(named->file, path_ + "/applications/A_named-1.json");
    EXPECT_EQ(mode_of(named->file), 0600u);
    EXPECT_EQ(mode_of(path_ + "/applications"), 0700u);
    EXPECT_EQ(base64_decode(named->application.secrets.at(0))->size(), 16u);
    EXPECT_NE(named->application.secrets, random->application.secrets);
    EXPECT_EQ(files_.entries()[0].application.key, first());
    EXPECT_EQ(secrets_on_disk(ApplicationKey("A_named-1")), named->application.secrets);
}

TEST_F(ApplicationFolder, RefusesKeysThatAreTakenOrNone) {
    ASSERT_TRUE(files_.create("a"));
    for (const std::string& key : {std::string("a"), first().value(), std::string(""),
                                   std::string("../b"), std::string("a b"), std::string(65, 'k')}) {
        EXPECT_FALSE(files_.create(key)) << key;
    }
    EXPECT_EQ(files_.entries().size(), 2u);
}

TEST_F(ApplicationFolder, RotationKeepsTheSecretBeforeAndNoOther) {  // R22
    ASSERT_TRUE(files_.create("a"));
    for (const ApplicationKey& key : {first(), ApplicationKey("a")}) {
        const std::string oldest = files_.find(key)->application.secrets.at(0);
        const std::string second = files_.rotate(key)->application.secrets.at(0);
        EXPECT_THAT(secrets_on_disk(key), ElementsAre(second, oldest));
        const std::string third = files_.rotate(key)->application.secrets.at(0);
        EXPECT_THAT(secrets_on_disk(key), ElementsAre(third, second));
        EXPECT_TRUE(files_.find(key)->has_previous());
        ASSERT_TRUE(files_.drop_previous(key));
        EXPECT_THAT(secrets_on_disk(key), ElementsAre(third));
        EXPECT_FALSE(files_.find(key)->has_previous());
    }
}

TEST_F(ApplicationFolder, MakesNoneOverAFileThatIsNotLoaded) {
    ASSERT_TRUE(files_.create("a"));
    ApplicationFiles others(path_, kPrefix, entropy_);  // as before the file was put there
    const std::vector<std::string> secrets = secrets_on_disk(ApplicationKey("a"));
    const auto refused = others.create("a");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().description, HasSubstr("send SIGHUP"));
    EXPECT_EQ(secrets_on_disk(ApplicationKey("a")), secrets);
}

TEST_F(ApplicationFolder, AChangeKeepsWhatWasPutIntoTheFileByHand) {
    ASSERT_TRUE(files_.create("a"));
    const ApplicationKey key("a");
    ApplicationFiles others(path_, kPrefix, entropy_);
    ASSERT_TRUE(others.reload());
    const std::string by_hand = others.rotate(key)->application.secrets.at(0);
    const std::string newest = files_.rotate(key)->application.secrets.at(0);
    EXPECT_THAT(secrets_on_disk(key), ElementsAre(newest, by_hand));
    const std::string last = others.rotate(key)->application.secrets.at(0);
    ASSERT_TRUE(files_.drop_previous(key));
    EXPECT_THAT(secrets_on_disk(key), ElementsAre(last));
    std::filesystem::remove(files_.find(key)->file);
    EXPECT_FALSE(files_.rotate(key));
}

TEST_F(ApplicationFolder, RemovingTakesTheFile) {
    const auto made = files_.create("a");
    ASSERT_TRUE(made);
    ASSERT_TRUE(files_.remove(ApplicationKey("a")));
    EXPECT_FALSE(std::filesystem::exists(made->file));
    EXPECT_EQ(files_.find(ApplicationKey("a")), nullptr);
    EXPECT_TRUE(files_.create("a"));
}

TEST_F(ApplicationFolder, AFileThatIsWrongIsNamedAndNothingChanges) {
    ASSERT_TRUE(files_.create("a"));
    const std::string folder = path_ + "/applications/";
    const auto refused = [&](const std::string& file, const char* said) {
        const auto reloaded = files_.reload();
        ASSERT_FALSE(reloaded) << file;
        EXPECT_THAT(reloaded.error().description, HasSubstr(file));
        EXPECT_THAT(reloaded.error().description, HasSubstr(said));
        EXPECT_EQ(files_.entries().size(), 2u);
        std::filesystem::remove(folder + file);
    };
    std::ofstream(folder + "b.json") << "{";
    refused("b.json", "not a JSON object");
    std::filesystem::copy(folder + "a.json", folder + "b.json");
    refused("b.json", "name it a.json");
    std::filesystem::copy(path_ + "/application.json", folder + first().value() + ".json");
    refused(first().value() + ".json", "same application");
    // What an interrupted write left is none.
    std::ofstream(folder + "c.json.new") << "{";
    std::ofstream(folder + ".d.json") << "{";
    EXPECT_TRUE(files_.reload());
}

TEST_F(ApplicationFolder, WhatWasChangedByHandCountsAfterTheNextReading) {
    ASSERT_TRUE(files_.create("a"));
    std::filesystem::remove(path_ + "/applications/a.json");
    ASSERT_TRUE(files_.reload());
    EXPECT_THAT(keys(), ElementsAre(first().value()));
    std::filesystem::remove(path_ + "/application.json");
    EXPECT_FALSE(files_.reload());
    EXPECT_THAT(keys(), ElementsAre(first().value()));
}

TEST_F(ApplicationFolder, AFolderThatCannotBeWrittenIsAnErrorAndNothingChanges) {
    ASSERT_TRUE(files_.create("a"));
    std::filesystem::remove_all(path_ + "/applications");
    std::ofstream(path_ + "/applications") << "";
    const auto before = files_.find(ApplicationKey("a"))->application.secrets;
    EXPECT_FALSE(files_.rotate(ApplicationKey("a")));
    EXPECT_FALSE(files_.create("b"));
    EXPECT_FALSE(files_.remove(ApplicationKey("a")));
    EXPECT_EQ(files_.find(ApplicationKey("a"))->application.secrets, before);
}

TEST_F(ApplicationFolder, WhoReadBeforeAChangeCanTellAndReadAgain) {
    const auto is_counted = [&](auto change) {
        const std::uint64_t before = files_.changes();
        return change() && files_.changes() != before;
    };
    const ApplicationKey key("new");
    EXPECT_TRUE(is_counted([&] { return files_.create("new").has_value(); }));
    EXPECT_TRUE(is_counted([&] { return files_.rotate(key).has_value(); }));
    EXPECT_TRUE(is_counted([&] { return files_.drop_previous(key).has_value(); }));
    auto read = files_.read();
    ASSERT_TRUE(read);
    EXPECT_FALSE(is_counted([&] { return files_.reload().has_value(); }));
    EXPECT_TRUE(is_counted([&] { return files_.remove(key).has_value(); }));
    EXPECT_EQ(keys(), std::vector<std::string>{first().value()});
    files_.take(std::move(*read));
    EXPECT_EQ(keys(), (std::vector<std::string>{first().value(), "new"}));
}

}  // namespace
}  // namespace parley::parleyd
