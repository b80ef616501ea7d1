from sternway.engines.docker.builds.voice import LINE_BYTES, Voice


def test_alone_it_passes_bytes_on_as_they_come():
    heard: list[bytes] = []
    voice = Voice(heard.append)
    with voice.speaking():
        voice.write(b"half")
        voice.write(b" a line\n\xff")
        voice.say("own")
    assert heard == [b"half", b" a line\n\xff", b"own\n"]


def test_one_of_several_speaks_in_whole_lines_with_its_name():
    heard: list[bytes] = []
    voice = Voice(heard.append, "[web] ")
    with voice.speaking():
        voice.write(b"half")
        voice.write(b" a line\nand ")
        voice.say("own")
        voice.write(b"rest")
    assert heard == [b"[web] half a line\n", b"[web] and \n", b"[web] own\n", b"[web] rest\n"]


def test_a_line_without_an_end_is_passed_on_in_parts():
    heard: list[bytes] = []
    Voice(heard.append, "> ").write(b"x" * (LINE_BYTES + 1))
    assert heard == [b"> " + b"x" * (LINE_BYTES + 1) + b"\n"]
