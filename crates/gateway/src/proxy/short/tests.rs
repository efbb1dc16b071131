use super::{
    body::{Decoder, Malformed},
    head::take,
    *,
};
use bytes::Bytes;
use http::HeaderMap;

fn reply(text: &str, of_head: bool) -> Result<Option<Reply>, Lost> {
    take(&mut BytesMut::from(text), of_head)
}

/// Status, framing, whether the connection stays, and the body if it was there.
fn read(text: &str) -> Option<(u16, Framing, bool, Option<String>)> {
    let reply = reply(text, false).ok()??;
    let body = reply.whole.map(|body| String::from_utf8(body.to_vec()).unwrap());
    Some((reply.parts.status.as_u16(), reply.framing, reply.keeps, body))
}

#[test]
fn the_end_of_a_body_is_known_as_the_standard_has_it() {
    use Framing::{Chunked, Length, UntilClose};
    let cases: [(&str, Framing, bool); 13] = [
        ("200 OK\r\nContent-Length: 5\r\n", Length(5), true),
        ("200 OK\r\nContent-Length: 5, 5\r\ncontent-length: 5\r\n", Length(5), true),
        ("200 OK\r\nContent-Length: 0\r\n", Length(0), true),
        ("200 OK\r\nTransfer-Encoding: chunked\r\n", Chunked, true),
        ("200 OK\r\nTransfer-Encoding: Chunked \r\nConnection: keep-alive\r\n", Chunked, true),
        ("200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", Chunked, false),
        ("200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n", Length(5), false),
        ("200 OK\r\nConnection: upgrade\r\nConnection: close\r\nContent-Length: 5\r\n", Length(5), false),
        ("200 OK\r\n", UntilClose, false),
        ("204 No Content\r\n", Length(0), true),
        ("204 No Content\r\nTransfer-Encoding: chunked\r\n", Length(0), true),
        ("304 Not Modified\r\nContent-Length: 5\r\n", Length(0), true),
        ("404 Not Found\r\nContent-Length: 5\r\n", Length(5), true),
    ];
    for (text, framing, keeps) in cases {
        let (_, was, kept, _) = read(&format!("HTTP/1.1 {text}\r\n")).unwrap();
        assert_eq!((was, kept), (framing, keeps), "{text:?}");
    }
    assert_eq!(read("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n"), Some((200, Length(5), false, None)));
    let head = reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true).unwrap().unwrap();
    assert_eq!((head.framing, head.keeps, head.whole), (Length(0), true, Some(Bytes::new())));
    assert_eq!(head.parts.headers.get("content-length").unwrap(), "5");
}

#[test]
fn an_answer_that_can_be_read_in_two_ways_is_none() {
    let cases = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "what?",
    ];
    for text in cases {
        assert!(matches!(reply(text, false), Err(Lost::Broken(_))), "{text:?}");
    }
}

#[test]
fn provisional_answers_are_passed_over() {
    let text = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(read(text), Some((200, Framing::Length(2), true, Some("ok".to_owned()))));
    assert_eq!(reply("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 2", false).unwrap().map(|reply| reply.keeps), None);
}

#[test]
fn what_is_not_there_yet_is_waited_for_and_what_is_too_much_stays() {
    let whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nok";
    let head = whole.len() - 2;
    for end in 0..head {
        assert!(reply(&whole[..end], false).unwrap().is_none(), "{end}");
    }
    let mut text = BytesMut::from(&whole[..=head]);
    assert_eq!(take(&mut text, false).unwrap().unwrap().whole, None);
    assert_eq!(text, "o");
    let mut text = BytesMut::from(format!("{whole}HTTP").as_str());
    assert_eq!(take(&mut text, false).unwrap().unwrap().whole.unwrap(), "ok");
    assert_eq!(text, "HTTP");
}

#[test]
fn the_end_of_a_head_is_seen_across_pieces() {
    let text = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
    for had in 0..text.len() {
        assert!(head::may_end_after(text, had), "{had}");
        assert!(!head::may_end_after(&text[..text.len() - 1], had.min(text.len() - 2)), "{had}");
    }
}

/// The body and trailers in a text that comes in pieces of `piece` bytes, and what is left.
fn decode(decoder: &mut Decoder, text: &str, piece: usize) -> Result<(String, HeaderMap, String), Malformed> {
    let (mut body, mut trailers, mut read) = (Vec::new(), HeaderMap::new(), BytesMut::new());
    for part in text.as_bytes().chunks(piece) {
        read.extend_from_slice(part);
        while let Some(frame) = decoder.next(&mut read)? {
            match frame.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().unwrap(),
            }
        }
    }
    if !decoder.is_done() {
        return Err(Malformed::Incomplete);
    }
    Ok((String::from_utf8(body).unwrap(), trailers, String::from_utf8(read.to_vec()).unwrap()))
}

#[test]
fn chunks_are_read_however_they_come() {
    let text = "3\r\nabc\r\n00A;x=\"y\"\r\n0123456789\r\n1 ;z\r\nd\r\n0\r\nX-Sum: 7\r\n\r\nrest";
    for piece in [1, 2, 3, 5, 100] {
        let (body, trailers, rest) = decode(&mut Decoder::new(Framing::Chunked), text, piece).unwrap();
        assert_eq!((&*body, trailers.get("x-sum").unwrap().as_bytes()), ("abc0123456789d", &b"7"[..]));
        assert_eq!(rest, "rest");
    }
    let (body, trailers, _) = decode(&mut Decoder::new(Framing::Chunked), "0\r\n\r\n", 1).unwrap();
    assert!(body.is_empty() && trailers.is_empty());
    let (body, _, rest) = decode(&mut Decoder::new(Framing::Length(3)), "abcd", 2).unwrap();
    assert_eq!((&*body, &*rest), ("abc", "d"));
}

#[test]
fn malformed_chunks_are_refused() {
    let long_line = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(5000));
    let many_extensions = format!("{}0\r\n\r\n", format!("1;{}\r\na\r\n", "x".repeat(3000)).repeat(9));
    let long_trailers = format!("0\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let cases = [
        "\r\n",
        "g\r\n",
        "-1\r\na\r\n",
        "+1\r\na\r\n",
        "0x1\r\na\r\n",
        " 1\r\na\r\n",
        "1\na\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1 x\r\na\r\n",
        "1\r;\r\na\r\n",
        "1000000000000000\r\n",
        "0\r\nno colon\r\n\r\n",
        "1\r\na\r\n0\r\n",
        "5\r\nab",
        "",
        &long_line,
        &many_extensions,
        &long_trailers,
    ];
    for text in cases {
        for piece in [1, 1000] {
            assert!(decode(&mut Decoder::new(Framing::Chunked), text, piece).is_err(), "{text:?}");
        }
    }
}
