#include "line_editor.h"

#include <gtest/gtest.h>

namespace parley::cli {
namespace {

std::string typed(std::string_view keys) {
    LineEditor editor(1000);
    while (!keys.empty()) {
        std::string_view key = keys.substr(0, 1);
        editor.feed(key);
        keys.remove_prefix(1);
    }
    return editor.text();
}

TEST(LineEditor, TakesTextAndErasesWholeCharacters) {
    EXPECT_EQ(typed("Grüß\x7f\x7f"), "Gr");
    EXPECT_EQ(typed("one two  \x17"), "one ");
    EXPECT_EQ(typed("gone\x15new"), "new");
    EXPECT_EQ(typed("\x7f\x7f"), "");
}

TEST(LineEditor, SwallowsArrowsAndOtherControlKeys) {
    EXPECT_EQ(typed("a\x1b[Ab\x1b[1;5Cc\x1bOHd\x01"), "abcd");
}

TEST(LineEditor, GivesLinesAndLeavesTheRestOfThePaste) {
    LineEditor editor(1000);
    std::string_view keys = "one\rtwo\nthr";
    EXPECT_EQ(editor.feed(keys), "one");
    EXPECT_EQ(editor.feed(keys), "two");
    EXPECT_EQ(editor.feed(keys), std::nullopt);
    EXPECT_EQ(editor.text(), "thr");
    EXPECT_TRUE(keys.empty());
}

TEST(LineEditor, ArrowsGoThroughEarlierLinesAndBackToTheTypedOne) {
    LineEditor editor(1000);
    for (const char* line : {"one\r", "two\r", "two\r", "\r"}) {
        std::string_view keys = line;
        editor.feed(keys);
    }
    const auto after = [&](std::string_view keys) {
        editor.feed(keys);
        return editor.text();
    };
    EXPECT_EQ(after("draft\x1b[A"), "two");
    EXPECT_EQ(after("\x1b[A"), "one");
    EXPECT_EQ(after("\x1b[A"), "one");
    EXPECT_EQ(after("\x1b[B"), "two");
    EXPECT_EQ(after("\x1b[B"), "draft");
    EXPECT_EQ(after("\x1b[B"), "draft");
}

TEST(LineEditor, EndsAtControlDInAnEmptyLineOnly) {
    LineEditor editor(1000);
    std::string_view keys = "a\x04";
    editor.feed(keys);
    EXPECT_FALSE(editor.ended());
    keys = "\x7f\x04";
    editor.feed(keys);
    EXPECT_TRUE(editor.ended());
}

TEST(LineEditor, KeepsNoMoreThanItMay) {
    LineEditor editor(3);
    std::string_view keys = "12345";
    editor.feed(keys);
    EXPECT_EQ(editor.text(), "123");
}

TEST(LineEditor, ShowsTheEndOfALongLine) {
    LineEditor editor(1000);
    std::string_view keys = "abcdef漢字";
    editor.feed(keys);
    EXPECT_EQ(editor.visible(100), "abcdef漢字");
    EXPECT_EQ(editor.visible(5), "f漢字");
    EXPECT_EQ(editor.visible(3), "字");
}

}  // namespace
}  // namespace parley::cli
