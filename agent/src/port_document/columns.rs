//! Which column of a table says what, by the words of its heading in English and Korean.

use super::cells::squeezed;

/// What a column is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Port,
    Protocol,
    Service,
    Description,
    Kind,
    Exposure,
    Process,
    Host,
    /// What was seen at some moment: nothing that a plan says.
    Seen,
    /// Anything else; its cells are kept as words.
    Other,
}

/// The columns of one table, each with its heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns(Vec<(Column, String)>);

const WORDS: [(Column, &[&str]); 9] = [
    (
        Column::Port,
        &["port", "ports", "포트", "포트번호", "portnumber", "portno", "port#", "포트범위"],
    ),
    (Column::Protocol, &["protocol", "proto", "transport", "프로토콜", "전송"]),
    (
        Column::Service,
        &[
            "service",
            "servicename",
            "name",
            "application",
            "app",
            "program",
            "component",
            "서비스",
            "서비스명",
            "서비스이름",
            "이름",
            "애플리케이션",
            "어플리케이션",
            "앱",
            "프로그램",
            "시스템명",
        ],
    ),
    (
        Column::Description,
        &[
            "description",
            "desc",
            "purpose",
            "note",
            "notes",
            "remark",
            "remarks",
            "comment",
            "comments",
            "usage",
            "use",
            "설명",
            "용도",
            "향후용도",
            "비고",
            "메모",
            "내용",
            "목적",
            "기타",
        ],
    ),
    (
        Column::Kind,
        &[
            "claim",
            "status",
            "state",
            "kind",
            "type",
            "category",
            "allocation",
            "상태",
            "구분",
            "분류",
            "유형",
            "종류",
            "할당",
            "할당여부",
            "할당상태",
        ],
    ),
    (
        Column::Exposure,
        &[
            "exposure",
            "access",
            "scope",
            "visibility",
            "reachablefrom",
            "public",
            "external",
            "internal",
            "노출",
            "공개",
            "공개범위",
            "공개여부",
            "접근",
            "접근범위",
            "접근권한",
            "외부",
            "내부",
            "외부공개",
            "외부접근",
            "외부노출",
            "외부개방",
            "내부/외부",
            "내/외부",
            "개방",
        ],
    ),
    (
        Column::Process,
        &["process", "processname", "daemon", "프로세스", "프로세스명", "소유프로세스", "데몬"],
    ),
    (
        Column::Host,
        &[
            "host",
            "hostname",
            "server",
            "machine",
            "vm",
            "호스트",
            "호스트명",
            "서버",
            "서버명",
            "장비",
        ],
    ),
    (
        Column::Seen,
        &[
            "listening",
            "listeningon",
            "bind",
            "pid",
            "owner_unknown",
            "reachable",
            "findings",
            "수신주소",
            "문제",
        ],
    ),
];

impl Columns {
    /// Reads a line of headings. `None` when no column holds ports: then it is another table.
    pub(super) fn of(headings: &[String]) -> Option<Self> {
        let mut columns: Vec<(Column, String)> = Vec::with_capacity(headings.len());
        for heading in headings {
            let found = column(heading);
            // The first of two alike counts; descriptions add up.
            let again = columns.iter().any(|(known, _)| *known == found);
            let column = match found {
                Column::Description | Column::Seen => found,
                _ if again => Column::Other,
                _ => found,
            };
            columns.push((column, heading.trim().to_owned()));
        }
        // What the report calls state is what it saw, where another column says what is claimed.
        let has_claim = headings.iter().any(|heading| squeezed(heading) == "claim");
        for (column, heading) in &mut columns {
            if has_claim && squeezed(heading) == "state" {
                *column = Column::Seen;
            }
        }
        let has = |columns: &[(Column, String)], wanted| {
            columns.iter().any(|(column, _)| *column == wanted)
        };
        if !has(&columns, Column::Port) {
            // One cell alone is the title that a spreadsheet has above its headings.
            let is_title = headings.iter().filter(|heading| !heading.trim().is_empty()).count() < 2;
            let port = columns.iter_mut().find(|(column, heading)| {
                let heading = squeezed(heading);
                let names_ports = heading.contains("port") || heading.contains("포트");
                names_ports && *column == Column::Other && !is_title
            })?;
            port.0 = Column::Port;
        }
        // What a port is for, where no column has a name for who has it.
        if !has(&columns, Column::Service)
            && let Some(first) =
                columns.iter_mut().find(|(column, _)| *column == Column::Description)
        {
            first.0 = Column::Service;
        }
        Some(Self(columns))
    }

    pub(super) fn has(&self, wanted: Column) -> bool {
        self.0.iter().any(|(column, _)| *column == wanted)
    }

    /// The cells of a row with their columns and headings; what is beyond the last heading has none.
    pub(super) fn over<'a>(
        &'a self,
        cells: &'a [String],
    ) -> impl Iterator<Item = (Column, &'a str, &'a str)> {
        cells.iter().enumerate().map(|(at, cell)| match self.0.get(at) {
            Some((column, heading)) => (*column, &**heading, cell.trim()),
            None => (Column::Other, "", cell.trim()),
        })
    }
}

fn column(heading: &str) -> Column {
    let heading = squeezed(heading);
    // `포트 (TCP)` is about ports.
    let plain = heading.split('(').next().unwrap_or_default();
    let known = |words: &[&str]| words.contains(&&*heading) || words.contains(&plain);
    WORDS.into_iter().find(|(_, words)| known(words)).map_or(Column::Other, |(column, _)| column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headings: &str) -> Option<Vec<Column>> {
        let headings: Vec<String> = headings.split('|').map(str::to_owned).collect();
        Columns::of(&headings).map(|columns| columns.0.into_iter().map(|column| column.0).collect())
    }

    #[test]
    fn headings_in_both_languages() {
        use Column::*;
        for (headings, expected) in [
            ("Port|Service|Description", Some(vec![Port, Service, Description])),
            ("포트|서비스명|상태|비고", Some(vec![Port, Service, Kind, Description])),
            // What it is for stands in for whose it is, when that has no column.
            ("포트 번호|용도|비고", Some(vec![Port, Service, Description])),
            ("구분|포트 (TCP)|설명|외부 공개", Some(vec![Kind, Port, Service, Exposure])),
            ("Server|Port|Protocol|Owner", Some(vec![Host, Port, Protocol, Other])),
            ("내부 포트|외부 포트|서비스", Some(vec![Port, Other, Service])),
            ("port|claim|state", Some(vec![Port, Kind, Seen])),
            ("port|state|status", Some(vec![Port, Kind, Other])),
            ("Variable|Value", None),
            ("팀 포트 현황||", None),
            ("", None),
        ] {
            assert_eq!(of(headings), expected, "{headings}");
        }
    }
}
