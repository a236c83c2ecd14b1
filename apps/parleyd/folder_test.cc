#include "application_file.h"
#include "base/crypto.h"
#include "data_folder.h"
#include "files.h"
#include "io/testing/counting_entropy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace parley::parleyd {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kPrefix = "//rtc.sinch.com/applications/";

class Folder : public testing::Test {
  protected:
    Folder() {
        std::string pattern = testing::TempDir() + "parleyd-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
        file_ = path_ + "/application.json";
    }
    ~Folder() override { std::filesystem::remove_all(path_); }

    void write(const std::string& content) const { std::ofstream(file_) << content; }
    static unsigned mode_of(const std::string& path) {
        struct stat status{};
        return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777 : 0;
    }

    io::CountingEntropy entropy_{200};
    std::string path_;
    std::string file_;
};

TEST_F(Folder, TheFirstStartMakesAnApplication) {
    const auto made = load_or_make_application(file_, kPrefix, entropy_);
    ASSERT_TRUE(made) << made.error().description;
    EXPECT_EQ(made->key.value().size(), 36u);
    EXPECT_EQ(made->key.value()[14], '4');
    ASSERT_EQ(made->secrets.size(), 1u);
    EXPECT_EQ(base64_decode(made->secrets[0])->size(), 16u);
    EXPECT_EQ(mode_of(file_), 0600u);
    EXPECT_THAT(*read_file(file_, 1000), HasSubstr(kPrefix + made->key.value() + '"'));
    // Nothing else is left behind.
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_), {}), 1);
}

TEST_F(Folder, LaterStartsReadTheSameApplication) {
    const auto made = load_or_make_application(file_, kPrefix, entropy_);
    const auto read = load_or_make_application(file_, kPrefix, entropy_);
    ASSERT_TRUE(made && read);
    EXPECT_EQ(read->key, made->key);
    EXPECT_EQ(read->secrets, made->secrets);
}

TEST_F(Folder, WhatAnInterruptedStartLeftIsReplaced) {
    std::ofstream(file_ + ".new") << "half";
    EXPECT_TRUE(load_or_make_application(file_, kPrefix, entropy_));
    EXPECT_FALSE(std::filesystem::exists(file_ + ".new"));
}

TEST_F(Folder, ABrokenApplicationFileIsNamedAndNeverReplaced) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "not a JSON object"},
        {"[1]", "not a JSON object"},
        {"{\"applicationKey\": 5}", "no text \"applicationKey\""},
        {"{\"applicationKey\": \"k\"}", "no text \"applicationSecret\""},
        {R"({"applicationKey": "k", "applicationSecret": "AAAA"})", "no text \"issuer\""},
        {R"({"applicationKey": "a b", "applicationSecret": "AAAA", "issuer": "i"})", "URL-safe"},
        {R"({"applicationKey": "k", "applicationSecret": "s3cr!t", "issuer": "i"})", "not base64"},
        {R"({"applicationKey": "k", "applicationSecret": "", "issuer": "i"})", "not base64"},
        {R"({"applicationKey": "k", "applicationSecret": "AAAA", "issuer": "//o\nther"})",
         "//o?ther"},
        {R"({"applicationKey": "k", "applicationSecret": "AAAA", "issuer": "//other/k"})",
         "tokens.issuer_prefix"},
    };
    for (const auto& [content, said] : cases) {
        write(content);
        const auto read = load_or_make_application(file_, kPrefix, entropy_);
        ASSERT_FALSE(read) << content;
        EXPECT_THAT(read.error().description, HasSubstr(file_));
        EXPECT_THAT(read.error().description, HasSubstr(said));
        EXPECT_THAT(read.error().description, Not(HasSubstr("s3cr!t")));
        EXPECT_EQ(*read_file(file_, 1000), content);
    }
}

TEST_F(Folder, AnApplicationKeyThatNoTokenCanNameIsAnError) {
    const auto with_key = [](std::size_t size) {
        const std::string key(size, 'k');
        return R"({"applicationKey": ")" + key + R"(", "applicationSecret": "AAAA", "issuer": ")" +
               std::string(kPrefix) + key + R"("})";
    };
    write(with_key(64));
    EXPECT_TRUE(load_or_make_application(file_, kPrefix, entropy_));
    write(with_key(65));
    EXPECT_FALSE(load_or_make_application(file_, kPrefix, entropy_));
}

TEST_F(Folder, AFolderThatCannotBeWrittenIsAnError) {
    const auto made = load_or_make_application(path_ + "/none/application.json", kPrefix, entropy_);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().description, HasSubstr("No such file"));
}

TEST_F(Folder, AnEndlessFileIsNotReadWhole) {
    EXPECT_THAT(read_file("/dev/zero", 1000).error().description, HasSubstr("longer than"));
}

TEST_F(Folder, IsMadePrivateAndHeldByOne) {
    const std::string inner = path_ + "/a/b/data/";
    auto first = DataFolder::open(inner);
    ASSERT_TRUE(first) << first.error().description;
    EXPECT_EQ(mode_of(inner), 0700u);
    const auto second = DataFolder::open(inner);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::store_in_use);
    EXPECT_THAT(second.error().description, HasSubstr("process " + std::to_string(::getpid())));
    first->reset();
    EXPECT_TRUE(DataFolder::open(inner));
}

TEST_F(Folder, KnowsWhetherItHasAStoreAndItsEpoch) {
    const auto data = DataFolder::open(path_);
    ASSERT_TRUE(data);
    EXPECT_FALSE((*data)->has_store());
    std::filesystem::create_directory((*data)->store());
    std::ofstream((*data)->store() + "/IN_USE");
    EXPECT_FALSE((*data)->has_store());
    std::filesystem::create_directory((*data)->store() + "/engine");
    EXPECT_TRUE((*data)->has_store());
    EXPECT_FALSE((*data)->has_epoch());
    std::ofstream((*data)->store() + "/EPOCH") << "e";
    EXPECT_TRUE((*data)->has_epoch());
}

TEST_F(Folder, ThatIsAFileIsAnError) {
    write("x");
    for (const std::string& path : {file_, file_ + "/below"}) {
        const auto opened = DataFolder::open(path);
        ASSERT_FALSE(opened);
        EXPECT_EQ(opened.error().code, ErrorCode::store_failed);
        EXPECT_THAT(opened.error().description, HasSubstr(path));
    }
}

}  // namespace
}  // namespace parley::parleyd
