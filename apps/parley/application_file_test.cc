#include "application_file.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <gtest/gtest.h>

namespace parley::cli {
namespace {

class ApplicationFiles : public testing::Test {
  protected:
    void SetUp() override {
        path_ = std::filesystem::temp_directory_path() /
                ("parley-app-" + std::to_string(::getpid()) + ".json");
    }
    void TearDown() override { std::filesystem::remove(path_); }
    Result<ApplicationFile> read(const std::string& content) {
        std::ofstream(path_) << content;
        return read_application_file(path_);
    }
    std::filesystem::path path_;
};

TEST_F(ApplicationFiles, GiveKeySecretAndTheIssuersPrefix) {
    const auto file =
        read(R"({"applicationKey":"k1","applicationSecret":"c2VjcmV0","issuer":"//host/apps/k1"})");
    ASSERT_TRUE(file) << file.error().description;
    EXPECT_EQ(file->application_key, "k1");
    EXPECT_EQ(file->application_secret, "c2VjcmV0");
    EXPECT_EQ(file->issuer_prefix, "//host/apps/");
}

TEST_F(ApplicationFiles, SayWhatIsWrongInOneLine) {
    for (const char* content :
         {"", "[]", "{", "{\"applicationKey\":7}", R"({"applicationKey":"k"})",
          R"({"applicationKey":"k","applicationSecret":"s","issuer":"x"})"}) {
        const auto file = read(content);
        ASSERT_FALSE(file) << content;
        EXPECT_NE(file.error().description.find(path_.string()), std::string::npos);
        EXPECT_EQ(file.error().description.find('\n'), std::string::npos);
    }
    const auto missing = read_application_file("/nonexistent/application.json");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().description.find("--app"), std::string::npos);
}

}  // namespace
}  // namespace parley::cli
