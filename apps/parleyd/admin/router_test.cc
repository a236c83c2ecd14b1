#include "admin/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace parley::parleyd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class AdminRouting : public testing::Test {
  protected:
    AdminRouting() {
        for (const char* method : {"GET", "DELETE"}) {
            router_.add(method, "/v1/users/{user}/devices/{device}?x&flag",
                        [this, method](const AdminRequest& request, AdminRouter::Done done) {
                            asked_ = request;
                            io::HttpResponse response;
                            response.body = method;
                            done(std::move(response));
                        });
        }
    }

    io::HttpResponse ask(std::string method, std::string target, std::string body = "") {
        asked_.reset();
        std::optional<io::HttpResponse> answer;
        router_.handle({std::move(method), std::move(target), std::move(body)},
                       [&](io::HttpResponse response) { answer = std::move(response); });
        return answer.value_or(io::HttpResponse{});
    }

    AdminRouter router_{nullptr};
    std::optional<AdminRequest> asked_;
};

TEST_F(AdminRouting, FindsTheRouteByMethodAndPath) {
    EXPECT_EQ(ask("GET", "/v1/users/u/devices/d").body, "GET");
    EXPECT_EQ(ask("DELETE", "/v1/users/u/devices/d").body, "DELETE");
}

TEST_F(AdminRouting, GivesPartsOfThePathDecoded) {
    ask("GET", "/v1/users/a%2Fb%3f%25/devices/d%2D1?x=1%20&flag", "body");
    ASSERT_TRUE(asked_);
    EXPECT_EQ((*asked_)["user"], "a/b?%");
    EXPECT_EQ((*asked_)["device"], "d-1");
    EXPECT_EQ((*asked_)["x"], "1 ");
    EXPECT_TRUE(asked_->values.contains("flag"));
    EXPECT_EQ((*asked_)["none"], "");
    EXPECT_EQ(asked_->body, "body");
}

TEST_F(AdminRouting, EveryUserIdIsTheSameAfterEncodingAndDecoding) {
    std::string id;
    for (char c = '!'; c <= '~'; ++c) {
        id += c;
    }
    ask("GET", "/v1/users/" + percent_encode(id) + "/devices/d");
    ASSERT_TRUE(asked_);
    EXPECT_EQ((*asked_)["user"], id);
}

TEST_F(AdminRouting, RefusesWhatItDoesNotKnow) {
    for (const char* target : {"", "/", "/v1/users", "/v1/users/u/devices/", "/v1/users//devices/d",
                               "/v1/users/u/devices/d/", "v1/users/u/devices/d", "?"}) {
        EXPECT_EQ(ask("GET", target).status, 404) << target;
    }
    const auto wrong = ask("POST", "/v1/users/u/devices/d");
    EXPECT_EQ(wrong.status, 405);
    EXPECT_THAT(wrong.allow, ElementsAre("GET", "DELETE"));
    EXPECT_THAT(wrong.body, HasSubstr("only GET and DELETE"));
    for (const char* part : {"%", "%4", "%4g", "a%"}) {
        EXPECT_EQ(ask("GET", std::string("/v1/users/") + part + "/devices/d").status, 400) << part;
        EXPECT_EQ(ask("GET", std::string("/v1/users/u/devices/d?x=") + part).status, 400) << part;
    }
    for (const char* query : {"y=1", "x=1&y", "user=other", "x=1&x=2", "x&", "&", "=1", "X=1"}) {
        EXPECT_EQ(ask("GET", std::string("/v1/users/u/devices/d?") + query).status, 400) << query;
    }
    EXPECT_FALSE(asked_);
}

TEST_F(AdminRouting, AnIdThatCannotBeAnyIsRefusedAndNotShownWhole) {
    const std::string longest(255, 'u');
    EXPECT_EQ(ask("GET", "/v1/users/" + longest + "/devices/d").status, 200);
    const auto user = ask("GET", "/v1/users/" + longest + "u/devices/d");
    EXPECT_EQ(user.status, 400);
    EXPECT_THAT(user.body, HasSubstr("a user id is 1 to 255 bytes"));
    EXPECT_LT(user.body.size(), 200u);
    EXPECT_EQ(ask("GET", "/v1/users/a%20b/devices/d").status, 400);
    const auto device = ask("GET", "/v1/users/u/devices/d%0A1");
    EXPECT_EQ(device.status, 400);
    EXPECT_THAT(device.body, HasSubstr("d\\\\x0a1"));
    router_.add("GET", "/v1/list/{application}?limit&after",
                [](const AdminRequest&, AdminRouter::Done done) { done(io::HttpResponse{}); });
    EXPECT_EQ(ask("GET", "/v1/list/a%2Fb").status, 400);
    for (const char* limit : {"1", "10000"}) {
        EXPECT_EQ(ask("GET", std::string("/v1/list/a?after=&limit=") + limit).status, 200);
    }
    for (const char* limit : {"", "0", "10001", "-1", "x", "1x", "99999999999999999999999"}) {
        const auto refused = ask("GET", std::string("/v1/list/a?limit=") + limit);
        EXPECT_EQ(refused.status, 400) << limit;
        EXPECT_THAT(refused.body, HasSubstr("wanted a whole number from 1 to 10000")) << limit;
    }
}

TEST_F(AdminRouting, ARefusalIsJsonWhateverIsQuoted) {
    EXPECT_EQ(refuse(404, "no \"x\"").body, "{\"errorCode\":404,\"message\":\"no \\\"x\\\"\"}\n");
    EXPECT_THAT(refuse(400, "\xff").body, HasSubstr("errorCode"));
}

}  // namespace
}  // namespace parley::parleyd
