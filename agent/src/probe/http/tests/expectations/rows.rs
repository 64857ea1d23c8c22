//! The rows of the table, by what they are about.

use super::Row;

pub(super) const ALL: &[&[Row]] =
    &[STATUSES, WORDS, JSON, PATHS, HEADERS, SECURITY, FORM, SIZE, WAYS, TIME, SAMENESS, TOGETHER];

const STATUSES: &[Row] = &[
    ("", "200", ""),
    ("", "204", ""),
    ("", "404", "http.status"),
    ("expect.status = [200, 404]", "404", ""),
    ("expect.status = [200, 404]", "201", "http.status"),
    ("expect.status = \"2xx\"", "299", ""),
    ("expect.status = [\"200-204\", \"4xx\"]", "205", "http.status"),
    ("expect.status = [\"200-204\", \"4xx\"]", "410", ""),
    ("expect.status = 503", "503", ""),
];

const WORDS: &[Row] = &[
    ("expect.body = \"(?i)<title>shop\"", "200\n\n<TITLE>Shop</TITLE>", ""),
    ("expect.body = \"^shop\"", "200\n\nno shop", "http.body"),
    ("expect.body = \"(?s)a.b\"", "200\n\na\nb", ""),
    ("expect.contains = \"Order now\"", "200\n\nOrder now!", ""),
    ("expect.contains = \"Order now\"", "200\n\norder now!", "http.body"),
    ("expect.contains = [\"a\", \"b\"]", "200\n\nab", ""),
    ("expect.contains = [\"a\", \"b\", \"c\"]", "200\n\na", "http.body"),
    ("expect.contains = \".*\"", "200\n\nabc", "http.body"),
    ("expect.contains = \"주문\"", "200\n\n바로 주문하기", ""),
    ("expect.absent = \"Fatal error\"", "200\n\nall is well", ""),
    ("expect.absent = \"Fatal error\"", "200\n\n<b>Fatal error</b>: x", "http.body"),
    ("expect.absent = [\"a\", \"b\"]", "200\n\nxby", "http.body"),
    (
        "expect.contains = \"x\"\nexpect.absent = \"y\"\nexpect.body = \"z\"",
        "200\n\ny",
        "http.body",
    ),
    ("expect.contains = \"x\"", "200\n:cut\n\ny", ""),
    ("expect.contains = \"x\"", "200\n:capped\n\ny", "http.too-large"),
    ("expect.absent = \"y\"", "200\n:capped\n\ny", "http.body, http.too-large"),
    ("expect.contains = \"x\"", "200\ncontent-encoding: gzip\n\nx", "http.body"),
    ("expect.contains = \"x\"", "500\n\ny", "http.status"),
];

const JSON: &[Row] = &[
    ("expect.json = { \"/status\" = \"ok\" }", "200\n\n{\"status\":\"ok\"}", ""),
    (
        "expect.json = { \"/status\" = \"ok\" }",
        "200\n\n{\"status\":\"degraded\"}",
        "http.json #/status",
    ),
    ("expect.json = { \"/status\" = \"ok\" }", "200\n\n{}", "http.json #/status"),
    ("expect.json = { \"/status\" = \"ok\" }", "200\n\n<html>", "http.json"),
    ("expect.json = { \"/status\" = \"ok\" }", "200\n\n\u{feff}{\"status\":\"ok\"}", ""),
    ("expect.json = { \"\" = true }", "200\n\ntrue", ""),
    ("expect.json = { \"/n\" = 1 }", "200\n\n{\"n\":1.0}", ""),
    ("expect.json = { \"/n\" = 1 }", "200\n\n{\"n\":\"1\"}", "http.json #/n"),
    ("expect.json = { \"/a/0/b\" = false }", "200\n\n{\"a\":[{\"b\":false}]}", ""),
    ("expect.json = { \"/a\" = { x = 1 } }", "200\n\n{\"a\":{\"x\":1}}", ""),
    ("expect.json = { \"/a\" = { x = 1 } }", "200\n\n{\"a\":{\"x\":2}}", "http.json #/a"),
    ("expect.json = { \"/a\" = { equals = { below = 1 } } }", "200\n\n{\"a\":{\"below\":1}}", ""),
    ("expect.json = { \"/n\" = { below = 100 } }", "200\n\n{\"n\":99}", ""),
    ("expect.json = { \"/n\" = { below = 100 } }", "200\n\n{\"n\":100}", "http.json #/n"),
    ("expect.json = { \"/n\" = { below = 100 } }", "200\n\n{\"n\":\"7\"}", "http.json #/n"),
    ("expect.json = { \"/n\" = { below = 100 } }", "200\n\n{}", "http.json #/n"),
    ("expect.json = { \"/n\" = { above = 0.5 } }", "200\n\n{\"n\":0.6}", ""),
    ("expect.json = { \"/n\" = { above = 0.5 } }", "200\n\n{\"n\":0.5}", "http.json #/n"),
    ("expect.json = { \"/n\" = { at_least = 1, at_most = 8 } }", "200\n\n{\"n\":8}", ""),
    (
        "expect.json = { \"/n\" = { at_least = 1, at_most = 8 } }",
        "200\n\n{\"n\":9}",
        "http.json #/n",
    ),
    ("expect.json = { \"/n\" = { above = -3 } }", "200\n\n{\"n\":-2}", ""),
    ("expect.json = { \"/s\" = { not = \"down\" } }", "200\n\n{\"s\":\"up\"}", ""),
    ("expect.json = { \"/s\" = { not = \"down\" } }", "200\n\n{\"s\":\"down\"}", "http.json #/s"),
    ("expect.json = { \"/s\" = { not = \"down\" } }", "200\n\n{}", "http.json #/s"),
    ("expect.json = { \"/s\" = { one_of = [\"eu\", \"kr\", 3] } }", "200\n\n{\"s\":\"kr\"}", ""),
    ("expect.json = { \"/s\" = { one_of = [\"eu\", \"kr\", 3] } }", "200\n\n{\"s\":3}", ""),
    (
        "expect.json = { \"/s\" = { one_of = [\"eu\", \"kr\"] } }",
        "200\n\n{\"s\":\"us\"}",
        "http.json #/s",
    ),
    ("expect.json = { \"/v\" = { matches = \"^2\\\\.\" } }", "200\n\n{\"v\":\"2.4\"}", ""),
    ("expect.json = { \"/v\" = { matches = \"^2\\\\.\" } }", "200\n\n{\"v\":2.4}", ""),
    (
        "expect.json = { \"/v\" = { matches = \"^2\\\\.\" } }",
        "200\n\n{\"v\":\"3.0\"}",
        "http.json #/v",
    ),
    ("expect.json = { \"/v\" = { matches = \".\" } }", "200\n\n{\"v\":[\"x\"]}", "http.json #/v"),
    ("expect.json = { \"/c\" = { contains = \"b\" } }", "200\n\n{\"c\":\"abc\"}", ""),
    ("expect.json = { \"/c\" = { contains = \"b\" } }", "200\n\n{\"c\":[\"a\",\"b\"]}", ""),
    ("expect.json = { \"/c\" = { contains = \"b\" } }", "200\n\n{\"c\":{\"b\":1}}", ""),
    ("expect.json = { \"/c\" = { contains = \"b\" } }", "200\n\n{\"c\":[\"ab\"]}", "http.json #/c"),
    ("expect.json = { \"/c\" = { contains = 2 } }", "200\n\n{\"c\":[1,2.0]}", ""),
    ("expect.json = { \"/t\" = { type = \"array\" } }", "200\n\n{\"t\":[]}", ""),
    ("expect.json = { \"/t\" = { type = \"array\" } }", "200\n\n{\"t\":{}}", "http.json #/t"),
    ("expect.json = { \"/t\" = { type = \"null\" } }", "200\n\n{\"t\":null}", ""),
    (
        "expect.json = { \"/t\" = { type = \"string\", not = \"\" } }",
        "200\n\n{\"t\":\"\"}",
        "http.json #/t",
    ),
    ("expect.json = { \"/e\" = { length = 0 } }", "200\n\n{\"e\":[]}", ""),
    ("expect.json = { \"/e\" = { length = 0 } }", "200\n\n{\"e\":[\"x\"]}", "http.json #/e"),
    ("expect.json = { \"/e\" = { length = { at_least = 2 } } }", "200\n\n{\"e\":\"주문\"}", ""),
    ("expect.json = { \"/e\" = { length = 1 } }", "200\n\n{\"e\":7}", "http.json #/e"),
    ("expect.json = { \"/x\" = { present = true } }", "200\n\n{\"x\":null}", ""),
    ("expect.json = { \"/x\" = { present = true } }", "200\n\n{}", "http.json #/x"),
    ("expect.json = { \"/x\" = { present = false } }", "200\n\n{}", ""),
    ("expect.json = { \"/x\" = { present = false } }", "200\n\n{\"x\":1}", "http.json #/x"),
    (
        "expect.json = { \"/t\" = { newer_than = \"26h\" } }",
        "200\n\n{\"t\":\"2026-03-13T16:00:00+09:00\"}",
        "",
    ),
    (
        "expect.json = { \"/t\" = { newer_than = \"26h\" } }",
        "200\n\n{\"t\":\"2026-03-13T06:59:00Z\"}",
        "http.json #/t",
    ),
    ("expect.json = { \"/t\" = { newer_than = \"1m\" } }", "200\n\n{\"t\":1773478800}", ""),
    ("expect.json = { \"/t\" = { newer_than = \"1m\" } }", "200\n\n{\"t\":1773478800000}", ""),
    (
        "expect.json = { \"/t\" = { newer_than = \"1m\" } }",
        "200\n\n{\"t\":1773478700}",
        "http.json #/t",
    ),
    (
        "expect.json = { \"/t\" = { newer_than = \"1m\" } }",
        "200\n\n{\"t\":\"Sat, 14 Mar 2026 09:00:00 GMT\"}",
        "",
    ),
    (
        "expect.json = { \"/t\" = { newer_than = \"1m\" } }",
        "200\n\n{\"t\":\"2027-01-01T00:00:00Z\"}",
        "",
    ),
    (
        "expect.json = { \"/t\" = { newer_than = \"1m\" } }",
        "200\n\n{\"t\":\"soon\"}",
        "http.json #/t",
    ),
    (
        "expect.json = { \"/a\" = 1, \"/b\" = 2 }",
        "200\n\n{\"a\":2,\"b\":3}",
        "http.json #/a, http.json #/b",
    ),
];

const PATHS: &[Row] = &[
    ("expect.json = { \"$.a\" = 1 }", "200\n\n{\"a\":1}", ""),
    (
        "expect.json = { \"$.s[*].state\" = \"up\" }",
        "200\n\n{\"s\":[{\"state\":\"up\"},{\"state\":\"up\"}]}",
        "",
    ),
    (
        "expect.json = { \"$.s[*].state\" = \"up\" }",
        "200\n\n{\"s\":[{\"state\":\"up\"},{\"state\":\"down\"}]}",
        "http.json #$.s[*].state",
    ),
    ("expect.json = { \"$.s[*].state\" = \"up\" }", "200\n\n{\"s\":[]}", "http.json #$.s[*].state"),
    (
        "expect.json = { \"$.s[?@.state != 'up']\" = { count = 0 } }",
        "200\n\n{\"s\":[{\"state\":\"up\"}]}",
        "",
    ),
    (
        "expect.json = { \"$.s[?@.state != 'up']\" = { count = 0 } }",
        "200\n\n{\"s\":[{\"state\":\"x\"}]}",
        "http.json #$.s[?@.state != 'up']",
    ),
    ("expect.json = { \"$.w[*]\" = { count = { at_least = 3 } } }", "200\n\n{\"w\":[1,2,3]}", ""),
    (
        "expect.json = { \"$.w[*]\" = { count = { at_least = 3 } } }",
        "200\n\n{\"w\":[1,2]}",
        "http.json #$.w[*]",
    ),
    ("expect.json = { \"$..error\" = { present = false } }", "200\n\n{\"a\":[{\"ok\":1}]}", ""),
    (
        "expect.json = { \"$..error\" = { present = false } }",
        "200\n\n{\"a\":[{\"error\":1}]}",
        "http.json #$..error",
    ),
    (
        "expect.json = { \"$.w[*].load\" = { below = 8 } }",
        "200\n\n{\"w\":[{\"load\":3},{\"load\":9}]}",
        "http.json #$.w[*].load",
    ),
    (
        "expect.json = { \"$.d[?search(@.name, '^/')].used\" = { at_most = 90 } }",
        "200\n\n{\"d\":[{\"name\":\"/var\",\"used\":95},{\"name\":\"x\",\"used\":99}]}",
        "http.json #$.d[?search(@.name, '^/')].used",
    ),
    ("expect.json = { \"$.d[-1:].n\" = 2 }", "200\n\n{\"d\":[{\"n\":1},{\"n\":2}]}", ""),
];

const HEADERS: &[Row] = &[
    ("expect.headers = { etag = true }", "200\netag: \"x\"", ""),
    ("expect.headers = { etag = true }", "200", "http.header [etag]"),
    ("expect.headers = { x-powered-by = false }", "200", ""),
    (
        "expect.headers = { x-powered-by = false }",
        "200\nx-powered-by: PHP",
        "http.header [x-powered-by]",
    ),
    (
        "expect.headers = { Cache-Control = \"no-store\" }",
        "200\ncache-control: private, no-store",
        "",
    ),
    (
        "expect.headers = { cache-control = \"no-store\" }",
        "200\ncache-control: public",
        "http.header [cache-control]",
    ),
    ("expect.headers = { cache-control = \"no-store\" }", "200", "http.header [cache-control]"),
    ("expect.headers = { vary = \"^cookie$\" }", "200\nvary: accept\nvary: cookie", ""),
    ("expect.headers = { server = { not = \"\\\\d\" } }", "200\nserver: nginx", ""),
    ("expect.headers = { server = { not = \"\\\\d\" } }", "200", ""),
    (
        "expect.headers = { server = { not = \"\\\\d\" } }",
        "200\nserver: nginx/1.22",
        "http.header [server]",
    ),
    (
        "expect.headers = { server = { matches = \"nginx\" } }",
        "200\nserver: Apache",
        "http.header [server]",
    ),
    ("expect.headers = { a = true, b = false }", "200\nb: 1", "http.header [a], http.header [b]"),
];

const GOOD: &str = "200\nstrict-transport-security: max-age=31536000; includeSubDomains\nx-content-type-options: nosniff\nx-frame-options: DENY\ncontent-type: text/html\ncontent-security-policy: default-src 'self'\nreferrer-policy: same-origin\nserver: nginx\nset-cookie: sid=1; Secure; HttpOnly; SameSite=Lax";

const SECURITY: &[Row] = &[
    ("expect.security = \"basic\"", GOOD, ""),
    ("expect.security = \"strict\"", GOOD, ""),
    (
        "expect.security = \"basic\"",
        "200\ncontent-type: text/html",
        "http.header [strict-transport-security], http.header [x-content-type-options], http.header [x-frame-options]",
    ),
    (
        "expect.security = \"basic\"",
        "200\ncontent-type: application/json",
        "http.header [strict-transport-security], http.header [x-content-type-options]",
    ),
    (
        "expect.security = \"basic\"",
        "200\n:url http://shop.example/\nx-content-type-options: nosniff",
        "",
    ),
    (
        "expect.security = \"basic\"",
        "200\nx-content-type-options: NoSniff\nstrict-transport-security: max-age=\"15768000\"",
        "",
    ),
    (
        "expect.security = \"basic\"",
        "200\nx-content-type-options: nosniff\nstrict-transport-security: max-age=300",
        "http.header [strict-transport-security]",
    ),
    (
        "expect.security = \"basic\"",
        "200\nx-content-type-options: nosniff\nstrict-transport-security: max-age=0",
        "http.header [strict-transport-security]",
    ),
    (
        "expect.security = \"basic\"",
        "200\nx-content-type-options: nosniff\nstrict-transport-security: includeSubDomains",
        "http.header [strict-transport-security]",
    ),
    (
        "expect.security = \"basic\"\nexpect.headers = { strict-transport-security = false }",
        "200\nx-content-type-options: nosniff",
        "",
    ),
    (
        "expect.security = \"basic\"",
        "200\ncontent-type: text/html\nx-content-type-options: nosniff\nstrict-transport-security: max-age=31536000\ncontent-security-policy: frame-ancestors 'none'",
        "",
    ),
    (
        "expect.security = \"basic\"",
        "200\ncontent-type: text/html\nx-content-type-options: nosniff\nstrict-transport-security: max-age=31536000\nx-frame-options: ALLOW-FROM https://a.example",
        "http.header [x-frame-options]",
    ),
    (
        "expect.security = \"basic\"",
        "200\ncontent-type: text/html\nx-content-type-options: nosniff\nstrict-transport-security: max-age=31536000\nx-frame-options: sameorigin\nx-frame-options: DENY",
        "http.header [x-frame-options]",
    ),
    (
        "expect.security = \"basic\"",
        "200\nx-content-type-options: nosniff\nstrict-transport-security: max-age=31536000\nset-cookie: sid=1",
        "http.header [set-cookie sid]",
    ),
    (
        "expect.security = \"basic\"",
        "200\nx-content-type-options: nosniff\nstrict-transport-security: max-age=31536000\nset-cookie: sid=; Max-Age=0",
        "",
    ),
    (
        "expect.security = \"strict\"\nexpect.headers = { server = true }",
        "200\nx-content-type-options: nosniff\nstrict-transport-security: max-age=31536000; includeSubDomains\nserver: nginx/1.22",
        "",
    ),
    (
        "expect.security = \"strict\"",
        "200\nx-content-type-options: nosniff\nstrict-transport-security: max-age=31536000\nserver: nginx/1.22\nx-powered-by: Express",
        "http.header [strict-transport-security], http.header [x-powered-by], http.header [server]",
    ),
    (
        "expect.security = \"strict\"",
        "200\ncontent-type: text/html; charset=utf-8\nx-content-type-options: nosniff\nx-frame-options: DENY\nstrict-transport-security: max-age=31536000; includesubdomains\nreferrer-policy: unsafe-url",
        "http.header [content-security-policy], http.header [referrer-policy]",
    ),
    (
        "follow_redirects = false\nexpect.security = \"strict\"",
        "301\ncontent-type: text/html\nx-content-type-options: nosniff\nstrict-transport-security: max-age=31536000; includesubdomains",
        "",
    ),
];

const FORM: &[Row] = &[
    (
        "expect.content_type = \"application/json\"",
        "200\ncontent-type: application/json; charset=utf-8",
        "",
    ),
    ("expect.content_type = \"application/json\"", "200\ncontent-type: Application/JSON", ""),
    (
        "expect.content_type = \"application/json\"",
        "200\ncontent-type: text/html",
        "http.header [content-type]",
    ),
    ("expect.content_type = \"application/json\"", "200", "http.header [content-type]"),
    ("expect.content_type = \"text/*\"", "200\ncontent-type: text/css", ""),
    (
        "expect.content_type = \"text/*\"",
        "200\ncontent-type: texture/css",
        "http.header [content-type]",
    ),
    (
        "expect.content_type = [\"text/html\", \"application/xhtml+xml\"]",
        "200\ncontent-type: application/xhtml+xml",
        "",
    ),
    ("expect.charset = \"UTF-8\"", "200\ncontent-type: text/html; charset=utf-8\n\n안녕", ""),
    (
        "expect.charset = \"utf-8\"",
        "200\ncontent-type: text/html; charset=euc-kr",
        "http.header [charset]",
    ),
    ("expect.charset = \"utf-8\"", "200\ncontent-type: text/html\n\n<meta charset=\"utf-8\">", ""),
    ("expect.charset = \"utf-8\"", "200\ncontent-type: text/html\n\n<p>", "http.header [charset]"),
    (
        "expect.charset = \"utf-8\"",
        "200\n:latin\ncontent-type: text/html; charset=utf-8\n\ncaf",
        "http.header [charset]",
    ),
    ("expect.charset = \"euc-kr\"", "200\n:latin\ncontent-type: text/html; charset=EUC-KR\n\n", ""),
    ("expect.charset = \"utf-8\"", "200\ncontent-type: application/json\n\n{}", ""),
    ("expect.encoding = \"gzip\"", "200\ncontent-encoding: gzip", ""),
    ("expect.encoding = \"gzip\"", "200", "http.header [content-encoding]"),
    ("expect.encoding = [\"br\", \"gzip\"]", "200\ncontent-encoding: br", ""),
    ("expect.encoding = \"br\"", "200\ncontent-encoding: gzip", "http.header [content-encoding]"),
    ("expect.encoding = \"identity\"", "200", ""),
    (
        "expect.encoding = \"identity\"",
        "200\ncontent-encoding: gzip",
        "http.header [content-encoding]",
    ),
    ("expect.protocol = \"2\"", "200\n:http 2", ""),
    ("expect.protocol = \"2\"", "200\n:http 1.1", "http.version"),
    ("expect.protocol = [\"1.1\", \"2\"]", "200\n:http 1.0", "http.version"),
];

const SIZE: &[Row] = &[
    ("expect.size = { above = 2, below = 5 }", "200\n\nabc", ""),
    ("expect.size = { above = 3 }", "200\n\nabc", "http.body [size]"),
    ("expect.size = { below = 3 }", "200\n\nabc", "http.body [size]"),
    ("expect.size = { at_least = 3, at_most = 3 }", "200\n\nabc", ""),
    ("expect.size = { below = 3 }", "200\n:capped\n\nabc", "http.too-large"),
    ("expect.size = { above = 3 }", "200\n:cut\n\nabc", ""),
    ("expect.size = { at_most = 0 }", "204", ""),
];

const WAYS: &[Row] = &[
    ("expect.location = \"^https://\"", "301\nlocation: https://shop.example/", ""),
    ("expect.location = \"^https://\"", "301\nlocation: http://shop.example/", "http.redirect"),
    ("expect.location = \"^https://\"", "200", "http.redirect"),
    ("expect.url = \"^https://www\\\\.\"", "200\n:hops 1\n:url https://www.shop.example/", ""),
    (
        "expect.url = \"^https://www\\\\.\"",
        "200\n:hops 2\n:url https://shop.example/login?next=x",
        "http.redirect",
    ),
    ("expect.url = \"^https://www\\\\.\"", "200", "http.redirect"),
    ("expect.hops = 1", "200\n:hops 1", ""),
    ("expect.hops = 1", "200\n:hops 2", "http.redirect"),
    ("expect.hops = 0", "200", ""),
    ("expect.hops = { at_most = 2 }", "200\n:hops 3", "http.redirect"),
    (
        "expect.hops = 1\nexpect.url = \"^https://www\"",
        "200\n:hops 2\n:url https://a.example/",
        "http.redirect",
    ),
    ("expect.hops = 1", "404\n:hops 2", "http.status"),
];

const TIME: &[Row] = &[
    ("expect.within = \"800ms\"", "200\n:took 800", ""),
    ("expect.within = \"800ms\"", "200\n:took 801", "http.slow"),
    (
        "expect.within = { total = \"2s\", processing = \"500ms\" }",
        "200\n:took 900\n:processing 500",
        "",
    ),
    (
        "expect.within = { total = \"2s\", processing = \"500ms\" }",
        "200\n:took 900\n:processing 501",
        "http.slow [processing]",
    ),
    (
        "expect.within = { total = \"500ms\", tls = \"100ms\", processing = \"100ms\" }",
        "200\n:took 900\n:processing 600\n:tls 200",
        "http.slow, http.slow [tls], http.slow [processing]",
    ),
    ("expect.within = { transfer = \"1ms\" }", "200\n:took 900", ""),
    ("expect.within = \"1ms\"", "200\n:took 900\n:cut", ""),
    ("expect.modified_within = \"26h\"", "200\nlast-modified: Fri, 13 Mar 2026 08:00:00 GMT", ""),
    (
        "expect.modified_within = \"26h\"",
        "200\nlast-modified: Fri, 13 Mar 2026 06:00:00 GMT",
        "http.header [last-modified]",
    ),
    ("expect.modified_within = \"26h\"", "200\nlast-modified: Sat, 14 Mar 2026 09:00:09 GMT", ""),
    ("expect.modified_within = \"26h\"", "200", "http.header [last-modified]"),
    (
        "expect.modified_within = \"26h\"",
        "200\nlast-modified: yesterday",
        "http.header [last-modified]",
    ),
];

const SAMENESS: &[Row] = &[
    ("expect.same_as = \"index.html\"", "200\n\n<h1>Shop</h1>\n<p>Open</p>\n", ""),
    ("expect.same_as = \"index.html\"", "200\n\n<h1>Shop</h1>\n<p>Owned</p>\n", "http.changed"),
    (
        "expect.same_as = \"index.html\"\nexpect.ignoring = \"<p>.*?</p>\"",
        "200\n\n<h1>Shop</h1>\n<p>Closed</p>\n",
        "",
    ),
    (
        "expect.body_hash = \"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
        "200\n\nabc",
        "",
    ),
    (
        "expect.body_hash = \"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD\"",
        "200\n\nabc",
        "",
    ),
    (
        "expect.body_hash = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
        "200\n\nabd",
        "http.changed",
    ),
    (
        "expect.body_hash = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
        "200\n:was abc\n\nabd",
        "http.changed",
    ),
    (
        "expect.body_hash = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\nexpect.ignoring = \"[0-9]+\"",
        "200\n\na1b22c",
        "",
    ),
    (
        "expect.body_hash = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
        "200\n:capped\n\nabd",
        "http.too-large",
    ),
    ("expect.status = [200, 304]\nexpect.same_as = \"index.html\"", "304", ""),
    ("expect.same_as = \"index.html\"", "200\ncontent-encoding: gzip\n\nx", "http.body"),
];

const TOGETHER: &[Row] = &[
    (
        "expect.headers = { etag = true }\nexpect.content_type = \"text/html\"\nexpect.contains = \"Shop\"\nexpect.size = { above = 100 }\nexpect.within = \"1ms\"\nexpect.protocol = \"2\"",
        "200\ncontent-type: text/plain\n\nparked",
        "http.header [etag], http.header [content-type], http.version, http.body [size], http.body, http.slow",
    ),
    (
        "expect.headers = { etag = true }\nexpect.contains = \"Shop\"\nexpect.json = { \"/a\" = 1 }\nexpect.security = \"strict\"\nexpect.protocol = \"2\"",
        "503\n\noops",
        "http.status",
    ),
];
