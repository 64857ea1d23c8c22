//! What people write into the cells of a table of ports, in English and Korean.

use health::{ClaimKind, Exposure, Protocol, Text, text};

use super::Run;

/// A plan takes no wider range.
const MOST_PORTS: u16 = 10_000;

/// `3011`, `3012-3014`, `3012~3014`, `3012, 3013`, `80/tcp`, `53/tcp+udp`, `TCP 80`, `:3011`,
/// `127.0.0.1:3011`, `3011번`. A protocol is `None` where the cell does not say it.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn ports(cell: &str) -> Result<Vec<(Run, Option<Protocol>)>, Text> {
    let mut ports = Vec::new();
    let mut ahead: Vec<Protocol> = Vec::new();
    let mut tokens = tokens(cell).into_iter().peekable();
    while let Some(token) = tokens.next() {
        let first = match token {
            Token::Number(number) => port(&number)?,
            Token::Protocol(protocol) => {
                ahead.push(protocol);
                continue;
            }
            Token::Separator | Token::Joint => continue,
            Token::Dash => return Err(unreadable(cell)),
            Token::Other(word) => return Err(other(cell, &word)),
        };
        let mut run = (first, first);
        if tokens.next_if(|token| *token == Token::Dash).is_some() {
            let Some(Token::Number(number)) = tokens.next() else { return Err(unreadable(cell)) };
            run.1 = port(&number)?;
        }
        judge(run)?;
        let mut protocols = std::mem::take(&mut ahead);
        while let Some(token) =
            tokens.next_if(|token| matches!(token, Token::Protocol(_) | Token::Joint))
        {
            if let Token::Protocol(protocol) = token {
                protocols.push(protocol);
            }
        }
        protocols.dedup();
        if protocols.is_empty() {
            ports.push((run, None));
        }
        ports.extend(protocols.into_iter().map(|protocol| (run, Some(protocol))));
    }
    if ports.is_empty() { Err(unreadable(cell)) } else { Ok(ports) }
}

fn judge((first, last): Run) -> Result<(), Text> {
    if first > last {
        return Err(text!(
            "{first}-{last} runs backwards: write {last}-{first}",
            "{first}-{last} 범위의 순서가 거꾸로입니다. {last}-{first}로 적어 주세요"
        ));
    }
    if last - first >= MOST_PORTS {
        return Err(text!(
            "{first}-{last} is more than {MOST_PORTS} ports: claim smaller ranges",
            "{first}-{last} 범위는 포트가 {MOST_PORTS}개를 넘습니다. 더 작게 나눠 주세요"
        ));
    }
    Ok(())
}

fn port(number: &str) -> Result<u16, Text> {
    number.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
        text!(
            "{number} is not a port: ports are 1 to 65535",
            "{number}은(는) 포트 번호가 아닙니다. 포트는 1부터 65535까지입니다"
        )
    })
}

fn unreadable(cell: &str) -> Text {
    let cell = shown(cell);
    text!("{cell} is not a port or a range", "{cell}은(는) 포트나 포트 범위가 아닙니다")
}

fn other(cell: &str, word: &str) -> Text {
    if word == cell.trim() {
        return unreadable(cell);
    }
    let cell = shown(cell);
    if matches!(word, ":" | "→" | "->" | ">") {
        return text!(
            "{cell} looks like a forward of one port to another: write the port of this host alone",
            "{cell}은(는) 포트 전달로 보입니다. 이 호스트의 포트만 적어 주세요"
        );
    }
    let word = shown(word);
    text!(
        "{cell} is not a port or a range: {word} is not understood",
        "{cell}은(는) 포트나 포트 범위가 아닙니다. {word}을(를) 이해할 수 없습니다"
    )
}

/// In quotation marks, cut after some.
pub(super) fn shown(words: &str) -> String {
    const MOST: usize = 60;
    let cut: String = words.chars().take(MOST).collect();
    let more = if cut.len() < words.len() { "…" } else { "" };
    format!("{:?}", format!("{cut}{more}"))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Number(String),
    Protocol(Protocol),
    Dash,
    /// Between two ports.
    Separator,
    /// Between two ports, or between a port and its protocol.
    Joint,
    Other(String),
}

fn tokens(cell: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for piece in cell.split_whitespace() {
        // `127.0.0.1:3011` and `*:3011`: where it is bound is another matter.
        let address = piece.trim_end_matches([',', ';']).parse::<std::net::SocketAddr>();
        if let Ok(address) = address {
            tokens.push(Token::Number(address.port().to_string()));
            tokens.push(Token::Separator);
            continue;
        }
        let piece = piece.strip_prefix('*').unwrap_or(piece);
        let mut rest = piece.strip_prefix(':').unwrap_or(piece);
        while let Some(c) = rest.chars().next() {
            let length = match c {
                _ if c.is_ascii_digit() => run_of(rest, |c| c.is_ascii_digit()),
                _ if c.is_alphabetic() => run_of(rest, char::is_alphabetic),
                _ => c.len_utf8(),
            };
            let (word, after) = rest.split_at(length);
            tokens.push(token(c, word));
            rest = after;
        }
    }
    tokens
}

fn run_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn token(first: char, word: &str) -> Token {
    match first {
        _ if first.is_ascii_digit() => Token::Number(word.to_owned()),
        '-' | '~' | '–' | '—' | '‒' | '−' | '～' | '∼' | '〜' => Token::Dash,
        '/' | '+' | '(' | ')' => Token::Joint,
        ',' | ';' | '&' | '·' | '、' | '，' => Token::Separator,
        _ => match word.to_lowercase().as_str() {
            "tcp" => Token::Protocol(Protocol::Tcp),
            "udp" => Token::Protocol(Protocol::Udp),
            "번" | "번포트" | "포트" | "port" | "ports" | "and" | "및" | "와" | "과" | "부터"
            | "까지" => Token::Separator,
            _ => Token::Other(word.to_owned()),
        },
    }
}

/// `tcp`, `UDP`, `tcp/udp`, `both`; empty when it names neither, as `HTTP` does not.
pub(super) fn protocols(cell: &str) -> Vec<Protocol> {
    let cell = cell.to_lowercase();
    let both = ["both", "둘 다", "모두"].iter().any(|word| cell.contains(word));
    [("tcp", Protocol::Tcp), ("udp", Protocol::Udp)]
        .into_iter()
        .filter(|(word, _)| both || cell.contains(word))
        .map(|(_, protocol)| protocol)
        .collect()
}

/// Whether a cell names protocols and nothing else: `TCP`, `tcp/udp`.
pub(super) fn is_protocol(cell: &str) -> bool {
    let mut words = cell.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let is_one = |word: &str| matches!(word.to_ascii_lowercase().as_str(), "tcp" | "udp");
    words.next().is_some_and(is_one) && words.all(is_one)
}

/// What a cell or heading says about how a port is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    As(ClaimKind),
    /// Nobody has it: not a claim at all.
    Free,
}

/// The kinds that a cell or heading names, each once.
pub(super) fn kinds(words: &str) -> Vec<Meant> {
    const WORDS: [(Meant, &[&str]); 4] = [
        (
            Meant::As(ClaimKind::Reserved),
            &["reserv", "planned", "future", "예약", "예정", "계획", "향후", "확보"],
        ),
        (
            Meant::Free,
            &[
                "unused",
                "inactive",
                "available",
                "free",
                "미사용",
                "사용가능",
                "사용안함",
                "비어",
                "여유",
                "미할당",
                "할당가능",
                "할당안됨",
                "할당안함",
                "할당되지않",
                "할당하지않",
                "할당해제",
                "미배정",
                "배정가능",
                "배정안됨",
                "배정되지않",
                "비활성",
                "사용안됨",
                "사용하지않",
                "사용되지않",
                "사용중지",
                "사용중단",
                "사용종료",
                "미운영",
                "운영안함",
                "운영하지않",
                "운영중지",
                "운영중단",
                "운영종료",
                "미가동",
                "가동안함",
                "가동하지않",
                "가동중지",
                "가동중단",
                "서비스중지",
                "서비스중단",
                "unallocated",
                "unassigned",
                "notallocated",
                "notassigned",
                "notinuse",
                "notused",
                "notactive",
                "notrunning",
                "notlive",
            ],
        ),
        (Meant::As(ClaimKind::System), &["system", "시스템", "관리용", "운영체제"]),
        (
            Meant::As(ClaimKind::Allocated),
            &[
                "allocat",
                "assigned",
                "inuse",
                "used",
                "active",
                "running",
                "live",
                "production",
                "할당",
                "배정",
                "사용",
                "운영",
                "가동",
                "활성",
                "서비스중",
            ],
        ),
    ];
    // No claim, and nobody's to give away either: people say what they mean.
    const UNCLEAR: &[&str] = &[
        "unavailable",
        "notavailable",
        "notfree",
        "notreserved",
        "unreserved",
        "사용불가",
        "사용금지",
        "할당불가",
        "예약가능",
        "예약안됨",
        "예약안함",
        "예약되지않",
        "예약하지않",
        "예약해제",
        "미예약",
    ];
    // A short word stands alone, but not when the one before it turns it round.
    let mut words = words.to_lowercase();
    for denied in ["not yet ", "not currently ", "no longer ", "never ", "not "] {
        words = words.replace(denied, "not");
    }
    let words = words.as_str();
    // Each word is looked for in what the ones before it have left: 미사용 is not 사용.
    let mut left = squeezed(words);
    for name in UNCLEAR {
        left = left.replace(name, " ");
    }
    let mut found = Vec::new();
    for (meant, names) in WORDS {
        for name in names {
            let is_there =
                if is_whole_word(name) { says(words, name) } else { left.contains(name) };
            if is_there {
                left = left.replace(name, " ");
                if !found.contains(&meant) {
                    found.push(meant);
                }
            }
        }
    }
    // "예약 (미사용)" and "향후 사용": what is reserved is not in use yet, nor is it free.
    if found.first() == Some(&Meant::As(ClaimKind::Reserved)) && found.len() > 1 {
        let named_otherwise =
            ["할당", "allocat", "시스템", "system"].iter().any(|name| says(words, name));
        if !named_otherwise {
            found.truncate(1);
        }
    }
    found
}

/// What a cell says about who may reach a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    As(Exposure),
    /// It says nothing.
    Unsaid,
    /// It says no to what its heading asks.
    No,
    /// It says yes to what its heading asks.
    Yes,
    /// Words that mean nothing here, or several things at once.
    Unclear,
}

/// How widely a port may be reached, by the words of a cell or heading.
pub(super) fn reach(cell: &str) -> Reach {
    const LOOPBACK: &[&str] = &[
        "loopback",
        "localhost",
        "localonly",
        "127.0.0.1",
        "::1",
        "루프백",
        "로컬",
        "자기자신",
        "서버자신",
        "themachineitself",
    ];
    const INTERNAL: &[&str] = &[
        "internal",
        "private",
        "intranet",
        "lan",
        "vpc",
        "vpn",
        "ownnetwork",
        "내부",
        "사내",
        "사설",
        "내부망",
        "로컬네트워크",
        "로컬망",
        "localnetwork",
    ];
    const PUBLIC: &[&str] = &[
        "public",
        "external",
        "internet",
        "anywhere",
        "everyone",
        "world",
        "0.0.0.0",
        "외부",
        "공개",
        "인터넷",
        "어디서나",
    ];
    const DENIED: &[&str] = &[
        "비공개",
        "차단",
        "불가",
        "금지",
        "않음",
        "안됨",
        "안함",
        "blocked",
        "closed",
        "denied",
        "notpublic",
    ];
    if is_blank(cell) {
        return Reach::Unsaid;
    }
    let names = |words: &[&str]| words.iter().any(|word| says(cell, word));
    match squeezed(cell).as_str() {
        "all" | "전체" | "모두" => return Reach::As(Exposure::Public),
        "o" | "y" | "yes" | "true" | "open" | "✓" | "✔" | "✅" | "예" | "○" | "허용" | "개방" =>
        {
            return Reach::Yes;
        }
        "x" | "n" | "no" | "false" | "✗" | "✘" | "❌" | "아니오" | "아니요" | "×" => {
            return Reach::No;
        }
        _ => {}
    }
    match (names(LOOPBACK), names(INTERNAL), names(PUBLIC), names(DENIED)) {
        (true, false, _, _) => Reach::As(Exposure::Loopback),
        (_, true, false, false) => Reach::As(Exposure::Internal),
        (false, false, true, false) => Reach::As(Exposure::Public),
        (false, false, _, true) => Reach::No,
        _ => Reach::Unclear,
    }
}

/// Names, by commas.
pub(super) fn names(cell: &str) -> Vec<String> {
    cell.split(',').map(str::trim).filter(|name| !is_blank(name)).map(str::to_owned).collect()
}

/// Nothing, or what people write for it.
pub(super) fn is_blank(cell: &str) -> bool {
    let cell = cell.trim();
    cell.chars().all(|c| matches!(c, '-' | '–' | '—' | '.' | '·' | ' '))
        || matches!(
            cell.to_lowercase().as_str(),
            "n/a" | "none" | "없음" | "해당 없음" | "해당없음"
        )
}

/// Whether a word is there. Short ones have to stand alone: `lan` is not in `planned`.
fn says(words: &str, name: &str) -> bool {
    if is_whole_word(name) {
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '/' | '(' | ')' | ';');
        words.to_lowercase().split(ends).any(|word| word == name)
    } else {
        squeezed(words).contains(name)
    }
}

fn is_whole_word(name: &str) -> bool {
    name.is_ascii() && (name.len() <= 4 || name.contains('.'))
}

/// In small letters and without blanks, so that `사용 중` and `사용중` are one word.
pub(super) fn squeezed(words: &str) -> String {
    words.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ports_as_people_write_them() {
        let (tcp, udp) = (Some(Protocol::Tcp), Some(Protocol::Udp));
        for (cell, expected) in [
            ("3011", vec![((3011, 3011), None)]),
            (" 3012-3014 ", vec![((3012, 3014), None)]),
            ("3012 ~ 3014", vec![((3012, 3014), None)]),
            ("3012–3014", vec![((3012, 3014), None)]),
            ("3012～3014번", vec![((3012, 3014), None)]),
            ("3012, 3013", vec![((3012, 3012), None), ((3013, 3013), None)]),
            ("3015 및 3016", vec![((3015, 3015), None), ((3016, 3016), None)]),
            ("80/443", vec![((80, 80), None), ((443, 443), None)]),
            ("80/tcp", vec![((80, 80), tcp)]),
            ("53/tcp+udp", vec![((53, 53), tcp), ((53, 53), udp)]),
            ("53 (TCP/UDP)", vec![((53, 53), tcp), ((53, 53), udp)]),
            ("80/tcp, 53/udp", vec![((80, 80), tcp), ((53, 53), udp)]),
            ("TCP 80", vec![((80, 80), tcp)]),
            (":3011", vec![((3011, 3011), None)]),
            ("*:3011", vec![((3011, 3011), None)]),
            ("127.0.0.1:3011", vec![((3011, 3011), None)]),
            ("[::1]:3011, 80", vec![((3011, 3011), None), ((80, 80), None)]),
            ("8080번 포트", vec![((8080, 8080), None)]),
        ] {
            assert_eq!(ports(cell), Ok(expected), "{cell}");
        }
        for (cell, word) in [
            ("", "not a port"),
            ("-", "not a port"),
            ("미정", "미정"),
            ("추후 3012", "추후"),
            ("<random>", "<"),
            ("3014-3012", "3012-3014"),
            ("3012-", "not a port"),
            ("-3012", "not a port"),
            ("0", "1 to 65535"),
            ("65536", "1 to 65535"),
            ("99999999999999999999", "1 to 65535"),
            ("1-65535", "10000"),
            ("8080:80", "forward"),
            ("80→8081", "forward"),
            ("80 -> 8081", "not a port"),
            ("30O1", "O"),
        ] {
            let wrong = ports(cell).expect_err(cell);
            assert!(wrong.en.contains(word), "{cell}: {}", wrong.en);
        }
    }

    #[test]
    fn kinds_in_both_languages() {
        use ClaimKind::{Allocated, Reserved, System};
        for (words, expected) in [
            ("allocated", vec![Meant::As(Allocated)]),
            ("In use", vec![Meant::As(Allocated)]),
            ("사용 중", vec![Meant::As(Allocated)]),
            ("할당됨", vec![Meant::As(Allocated)]),
            ("운영", vec![Meant::As(Allocated)]),
            ("Reserved for later", vec![Meant::As(Reserved)]),
            ("예약됨", vec![Meant::As(Reserved)]),
            ("예약 (향후 사용)", vec![Meant::As(Reserved)]),
            ("예약 (미사용)", vec![Meant::As(Reserved)]),
            ("사용 예정", vec![Meant::As(Reserved)]),
            ("System ports", vec![Meant::As(System)]),
            ("시스템 포트", vec![Meant::As(System)]),
            ("미사용", vec![Meant::Free]),
            ("사용 가능한 포트", vec![Meant::Free]),
            ("Available", vec![Meant::Free]),
            ("할당 및 예약", vec![Meant::As(Reserved), Meant::As(Allocated)]),
            ("비활성", vec![Meant::Free]),
            ("비활성화", vec![Meant::Free]),
            ("사용하지 않음", vec![Meant::Free]),
            ("사용 중지", vec![Meant::Free]),
            ("미운영", vec![Meant::Free]),
            ("미가동", vec![Meant::Free]),
            ("서비스 중지", vec![Meant::Free]),
            ("할당 가능", vec![Meant::Free]),
            ("할당 안 됨", vec![Meant::Free]),
            ("unallocated", vec![Meant::Free]),
            ("Unassigned", vec![Meant::Free]),
            ("not in use", vec![Meant::Free]),
            ("Not used", vec![Meant::Free]),
            ("no longer in use", vec![Meant::Free]),
            ("inactive", vec![Meant::Free]),
            ("사용 불가", vec![]),
            ("unavailable", vec![]),
            ("예약 안 됨", vec![]),
            ("활성", vec![Meant::As(Allocated)]),
            ("서비스 중", vec![Meant::As(Allocated)]),
            ("할당 안내", vec![Meant::As(Allocated)]),
            ("개요", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(kinds(words), expected, "{words}");
        }
    }

    #[test]
    fn exposures_in_both_languages() {
        use Exposure::{Internal, Loopback, Public};
        for (cell, expected) in [
            ("loopback", Reach::As(Loopback)),
            ("127.0.0.1", Reach::As(Loopback)),
            ("로컬 전용", Reach::As(Loopback)),
            ("로컬", Reach::As(Loopback)),
            ("로컬 네트워크", Reach::As(Internal)),
            ("로컬망", Reach::As(Internal)),
            ("외부 접근 안 됨", Reach::No),
            ("internal", Reach::As(Internal)),
            ("내부", Reach::As(Internal)),
            ("내부망 전용", Reach::As(Internal)),
            ("Public", Reach::As(Public)),
            ("외부 공개", Reach::As(Public)),
            ("인터넷", Reach::As(Public)),
            ("비공개", Reach::No),
            ("외부 차단", Reach::No),
            ("X", Reach::No),
            ("O", Reach::Yes),
            ("✅", Reach::Yes),
            ("-", Reach::Unsaid),
            ("", Reach::Unsaid),
            ("내부/외부", Reach::Unclear),
            ("미정", Reach::Unclear),
        ] {
            assert_eq!(reach(cell), expected, "{cell}");
        }
    }

    #[test]
    fn protocols_in_a_cell_of_their_own() {
        assert_eq!(protocols("TCP"), [Protocol::Tcp]);
        assert_eq!(protocols("tcp/udp"), [Protocol::Tcp, Protocol::Udp]);
        assert_eq!(protocols("both"), [Protocol::Tcp, Protocol::Udp]);
        assert_eq!(protocols("HTTP"), []);
        for (cell, expected) in
            [("TCP", true), ("tcp/udp", true), ("both", false), ("TCP 예약", false), ("", false)]
        {
            assert_eq!(is_protocol(cell), expected, "{cell}");
        }
    }

    proptest! {
        #[test]
        fn any_cell_is_survived(cell in "[0-9a-z~,:/→ 번\\PC-]{0,40}") {
            if let Ok(ports) = ports(&cell) {
                prop_assert!(!ports.is_empty());
                prop_assert!(ports.iter().all(|((first, last), _)| 0 < *first && first <= last));
            }
            kinds(&cell);
            reach(&cell);
            names(&cell);
        }
    }
}
