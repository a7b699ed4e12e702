#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/errors.hpp"
#include "data/dataset_files.hpp"
#include "data/image_source.hpp"
#include "data/tar_builder.hpp"
#include "data/tar_index.hpp"
#include "support/assets.hpp"
#include "support/catch.hpp"

using namespace comq;
using namespace comq::test;
namespace fs = std::filesystem;

namespace {

std::string content_of(const fs::path& archive, const TarMember& member) {
    std::string content(member.size, '\0');
    RandomAccessFile(archive).read(member.offset, std::as_writable_bytes(std::span(content)));
    return content;
}

std::vector<TarMember> members_of(const fs::path& archive, const std::string& bytes) {
    write_text(archive, bytes);
    const RandomAccessFile file(archive);
    return read_tar_members(file, 0, file.size());
}

std::unique_ptr<ImageSource> open_tar(const fs::path& archive, Split split,
                                      const fs::path& synsets = {}) {
    DataConfig config;
    config.layout = "imagenet_tar";
    config.calibration = archive;
    config.evaluation = archive;
    config.synsets = synsets;
    return open_image_source(config, split);
}

}  // namespace

TEST_CASE("members of every form of tar are found with their bytes") {
    const fs::path archive = temporary_folder() / "a.tar";
    const std::string long_name = std::string(60, 'd') + "/" + std::string(70, 'f') + ".JPEG";
    for (const auto form :
         {TarBuilder::Form::ustar, TarBuilder::Form::gnu, TarBuilder::Form::pax}) {
        const auto members = members_of(archive, TarBuilder(form)
                                                     .add("folder/", "", '5')
                                                     .add("short.JPEG", "abc")
                                                     .add(long_name, std::string(1000, 'x'))
                                                     .add("empty.JPEG", "")
                                                     .add("device.JPEG", "", '3')
                                                     .add("last.JPEG", std::string(512, 'y'))
                                                     .finish());
        REQUIRE(members.size() == 4);
        CHECK(members[0].name == "short.JPEG");
        CHECK(content_of(archive, members[0]) == "abc");
        CHECK(members[1].name == long_name);
        CHECK(content_of(archive, members[1]) == std::string(1000, 'x'));
        CHECK(members[2].size == 0);
        CHECK(members[3].name == "last.JPEG");
        CHECK(content_of(archive, members[3]) == std::string(512, 'y'));
    }
    const auto sized = members_of(archive, TarBuilder()
                                               .add_with_binary_size("binary", "12345")
                                               .add_with_pax_size("pax", "123456")
                                               .add("after", "1")
                                               .finish());
    REQUIRE(sized.size() == 3);
    CHECK(content_of(archive, sized[0]) == "12345");
    CHECK(content_of(archive, sized[1]) == "123456");
    CHECK(content_of(archive, sized[2]) == "1");
}

TEST_CASE("damaged and incomplete archives are refused with the byte") {
    const fs::path archive = temporary_folder() / "a.tar";
    const TarBuilder two = TarBuilder().add("a.JPEG", "abc").add("b.JPEG", "def");
    const std::string whole = two.finish();

    CHECK_THROWS_WITH(members_of(archive, ""), ContainsSubstring("closing block"));
    CHECK_THROWS_WITH(members_of(archive, two.unfinished()),
                      ContainsSubstring("byte 2048") && ContainsSubstring("closing block"));
    CHECK_THROWS_WITH(members_of(archive, whole.substr(0, 1538)),
                      ContainsSubstring("byte 1024") && ContainsSubstring("cut short") &&
                          ContainsSubstring("a.tar"));
    CHECK_THROWS_WITH(members_of(archive, std::string("<html>").append(2000, ' ')),
                      ContainsSubstring("byte 0: this is no tar header"));
    std::string flipped = whole;
    flipped[1024] = 'X';
    CHECK_THROWS_WITH(members_of(archive, flipped),
                      ContainsSubstring("byte 1024: this is no tar header"));
    const std::string pax = TarBuilder().add("x", "17 path=too short", 'x').finish();
    CHECK_THROWS_WITH(members_of(archive, pax), ContainsSubstring("pax header is damaged"));
    // No cut can make the reader crash, loop or report a member that is not there in full.
    for (std::size_t length = 0; length < whole.size(); length += 37) {
        try {
            for (const auto& member : members_of(archive, whole.substr(0, length))) {
                CHECK(member.offset + member.size <= length);
            }
        } catch (const InputError&) {
        }
    }
}

TEST_CASE("an archive holds what unpacking it gives: links and updated members") {
    const fs::path archive = temporary_folder() / "a.tar";
    const std::string long_name = std::string(80, 'd') + "/" + std::string(70, 'f') + ".JPEG";
    for (const auto form : {TarBuilder::Form::gnu, TarBuilder::Form::pax}) {
        const auto members = members_of(archive, TarBuilder(form)
                                                     .add("./c/a.JPEG", "old")
                                                     .add(long_name, "long")
                                                     .add_link("c/hard.JPEG", "./c/a.JPEG", '1')
                                                     .add_link("c/far.JPEG", long_name, '1')
                                                     .add("c/a.JPEG", "new")
                                                     .add_link("c/soft.JPEG", "../c/a.JPEG", '2')
                                                     .add_link("d/soft.JPEG", "../c/soft.JPEG", '2')
                                                     .add_link("d/read.me", "nowhere", '2')
                                                     .finish());
        std::map<std::string, std::string> contents;
        for (const auto& member : members) {
            CHECK(contents.emplace(member.name, content_of(archive, member)).second);
        }
        CHECK(contents == std::map<std::string, std::string>{{"c/a.JPEG", "new"},
                                                             {"c/far.JPEG", "long"},
                                                             {"c/hard.JPEG", "old"},
                                                             {"c/soft.JPEG", "new"},
                                                             {"d/soft.JPEG", "new"},
                                                             {long_name, "long"}});
    }
    const auto refused = [&](const TarBuilder& builder, const std::string& reason) {
        CHECK_THROWS_WITH(members_of(archive, builder.finish()),
                          ContainsSubstring("a.tar") && ContainsSubstring(reason));
    };
    refused(TarBuilder().add_link("c/b.JPEG", "c/a.JPEG", '1'), "c/b.JPEG is a link to c/a.JPEG");
    refused(TarBuilder().add_link("c/b.JPEG", "/srv/a.JPEG", '2'), "c/b.JPEG is a link to no file");
    refused(TarBuilder().add_link("b.JPEG", "c.JPEG", '2').add_link("c.JPEG", "b.JPEG", '2'),
            "b.JPEG is a link to no file");
    refused(TarBuilder().add("c/a.JPEG", "x").add_link("d", "c", '2'), "d is a link to the folder");
    refused(TarBuilder().add("c/a.JPEG", "x", 'S'), "c/a.JPEG is stored without its zeros");
    for (const auto& [magic, program] :
         {std::pair("\x1F\x8B", "gunzip"), std::pair("BZh", "bunzip2"),
          std::pair("\xFD"
                    "7zXZ",
                    "unxz"),
          std::pair("\x28\xB5\x2F\xFD", "unzstd")}) {
        CHECK_THROWS_WITH(members_of(archive, magic + std::string(600, 'x')),
                          ContainsSubstring("compressed") && ContainsSubstring(program));
    }
}

TEST_CASE("an archive of class folders gives the images of the unpacked folders, deeper ones too") {
    const fs::path root = temporary_folder();
    const fs::path archive = root / "val.tar";
    const std::vector<std::string> names{"n01/b.JPEG", "n01/more/a.JPEG", "n01-x/c.JPEG",
                                         "n02/more/d.JPEG"};
    TarBuilder builder;
    for (std::size_t i = 0; i < names.size(); ++i) {
        builder.add("./val/" + names[i], jpeg_of_grey(static_cast<int>(40 * i)));
        write_jpeg(root / "val" / names[i], static_cast<int>(40 * i));
    }
    write_text(archive, builder.finish());
    const auto packed = open_tar(archive, Split::evaluation);
    const auto unpacked = open_tar(root / "val", Split::evaluation);
    REQUIRE(packed->size() == 4);
    CHECK(packed->classes() == 3);
    CHECK(packed->info(0).id == "n01/b.JPEG");
    CHECK(packed->info(1).id == "n01/more/a.JPEG");
    CHECK(packed->info(2).id == "n01-x/c.JPEG");
    const std::vector<int64_t> all{0, 1, 2, 3};
    CHECK(source_identity(*packed, all) == source_identity(*unpacked, all));

    write_text(root / "synsets.txt", "n00\nn01\n");
    write_text(archive, TarBuilder()
                            .add("val/n01/a.JPEG", jpeg_of_grey(1))
                            .add("val/n01/more/b.JPEG", jpeg_of_grey(2))
                            .finish());
    const auto one_class = open_tar(archive, Split::evaluation, root / "synsets.txt");
    CHECK(one_class->size() == 2);
    CHECK(one_class->info(1).label == 1);
    CHECK(one_class->info(1).id == "n01/more/b.JPEG");
    write_text(archive, TarBuilder()
                            .add("set/train/n01/a.JPEG", jpeg_of_grey(1))
                            .add("set/val/n01/b.JPEG", jpeg_of_grey(2))
                            .finish());
    CHECK_THROWS_WITH(open_tar(archive, Split::evaluation),
                      ContainsSubstring("(train, …)") && ContainsSubstring("data.synsets"));
}

TEST_CASE("a validation archive is read in place with labels of a ground truth") {
    const fs::path root = temporary_folder();
    const fs::path archive = root / "ILSVRC2012_img_val.tar";
    write_text(archive, TarBuilder()
                            .add("./ILSVRC2012_val_00000002.JPEG", jpeg_of_grey(200))
                            .add("./ILSVRC2012_val_00000001.JPEG", jpeg_of_grey(100))
                            .add("./._ILSVRC2012_val_00000001.JPEG", "companion")
                            .finish());
    CHECK_THROWS_WITH(open_tar(archive, Split::evaluation), ContainsSubstring("data.labels"));
    CHECK(open_tar(archive, Split::calibration)->info(0).label == -1);
    write_text(root / "val.txt",
               "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 970\n");
    const auto source = open_tar(archive, Split::evaluation);
    REQUIRE(source->size() == 2);
    CHECK(source->classes() == 971);
    CHECK(source->info(0).id == "ILSVRC2012_val_00000001.JPEG");
    CHECK(source->info(0).label == 65);
    CHECK(source->load(0).pixels.front() == 100);
    CHECK(source->load(1).pixels.front() == 200);
}

TEST_CASE("a training archive of class archives gives the ids of the unpacked folders") {
    const fs::path root = temporary_folder();
    const fs::path archive = root / "ILSVRC2012_img_train.tar";
    const auto class_archive = [](const std::string& wnid, int grey) {
        return TarBuilder()
            .add(wnid + "_2.JPEG", jpeg_of_grey(grey + 2))
            .add(wnid + "_10.JPEG", jpeg_of_grey(grey + 10))
            .finish();
    };
    write_text(archive, TarBuilder()
                            .add("n02.tar", class_archive("n02", 100))
                            .add("n01.tar", class_archive("n01", 50))
                            .finish());
    for (const auto& [wnid, grey] : {std::pair("n01", 50), std::pair("n02", 100)}) {
        write_jpeg(root / "train" / wnid / (std::string(wnid) + "_2.JPEG"), grey + 2);
        write_jpeg(root / "train" / wnid / (std::string(wnid) + "_10.JPEG"), grey + 10);
    }
    const auto packed = open_tar(archive, Split::calibration);
    const auto unpacked = open_tar(root / "train", Split::calibration);
    REQUIRE(packed->size() == 4);
    CHECK(packed->info(0).id == "n01/n01_10.JPEG");
    CHECK(packed->load(2).pixels.front() == 110);
    CHECK(packed->info(2).label == 1);
    const std::vector<int64_t> all{0, 1, 2, 3};
    CHECK(source_identity(*packed, all) == source_identity(*unpacked, all));

    write_text(root / "synsets.txt", "n00\nn01\n");
    CHECK_THROWS_WITH(open_tar(archive, Split::calibration, root / "synsets.txt"),
                      ContainsSubstring("folder n02") && ContainsSubstring("data.synsets"));
    std::string cut = class_archive("n01", 50);
    cut.resize(cut.size() - 1600);
    write_text(archive, TarBuilder().add("n01.tar", cut).finish());
    CHECK_THROWS_AS(open_tar(archive, Split::calibration), InputError);
}

TEST_CASE("an index is reused until the archive changes and survives damage") {
    const fs::path root = temporary_folder();
    const fs::path archive = root / "a.tar";
    const fs::path index = root / "a.tar.comq-index";
    write_text(archive, TarBuilder().add("c/1.JPEG", "abc").add("c/notes.txt", "n").finish());
    const auto fresh = cached_tar_index(RandomAccessFile(archive));
    REQUIRE(fresh.size() == 1);
    REQUIRE(fs::exists(index));
    CHECK(cached_tar_index(RandomAccessFile(archive)) == fresh);

    const auto replace_in_index = [&](const std::string& from, const std::string& to) {
        std::string text = test::text_of(index);
        REQUIRE(text.find(from) != std::string::npos);
        write_text(index, text.replace(text.find(from), from.size(), to));
    };
    replace_in_index("512 3 c/1.JPEG", "512 9 c/1.JPEG");
    CHECK(cached_tar_index(RandomAccessFile(archive)) == fresh);
    write_text(index, "");
    CHECK(cached_tar_index(RandomAccessFile(archive)) == fresh);

    write_text(archive, TarBuilder().add("c/2.JPEG", "abcd").add("c/3.JPEG", "").finish());
    const auto changed = cached_tar_index(RandomAccessFile(archive));
    REQUIRE(changed.size() == 2);
    CHECK(changed[0].name == "c/2.JPEG");
}
