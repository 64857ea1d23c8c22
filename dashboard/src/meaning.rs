//! What each code says, in every language. English comes from [`Code::meaning`]; a code without
//! its Korean sentence does not compile.

use health::{Code, Language};

/// One sentence: what the code says.
pub(crate) fn of(code: Code, language: Language) -> &'static str {
    match language {
        Language::En => code.meaning(),
        Language::Ko => korean(code),
    }
}

fn korean(code: Code) -> &'static str {
    match code {
        Code::ResolveFailed => "대상의 이름을 주소로 해석할 수 없습니다.",
        Code::TcpRefused => "수신 대기 중인 프로세스가 없어 연결이 거부되었습니다.",
        Code::TcpTimeout => "제한 시간 안에 연결 시도에 대한 응답이 없습니다.",
        Code::TcpUnreachable => "대상까지 가는 경로가 없습니다.",
        Code::TcpReset => "연결은 수락되었으나 바로 끊겼습니다.",
        Code::TcpSilent => "연결은 수락되었으나 와야 할 응답이 없습니다.",
        Code::TcpUnexpectedReply => "응답은 있으나 기대한 서비스가 아닙니다.",
        Code::TcpNotReady => "맞는 서비스가 응답하지만 지금은 서비스하지 못한다고 합니다.",
        Code::TcpOpen => "닫혀 있어야 할 포트가 열려 있습니다.",
        Code::SshHostKey => "SSH 서버이지만 다른 서버입니다.",
        Code::HttpStatus => "기대한 상태 코드가 아닙니다.",
        Code::HttpBadGateway => {
            "프록시가 502, 503 또는 504로 응답했으며 원인이 되는 업스트림이 확인되었습니다."
        }
        Code::HttpUpstream => {
            "프록시의 업스트림 여러 개 중 하나에 문제가 있고, 나머지는 아직 응답합니다."
        }
        Code::HttpRateLimited => "요청 제한에 걸렸습니다. 적어도 이 에이전트는 그렇습니다.",
        Code::HttpMaintenance => "원래 페이지 대신 점검 안내 페이지가 나옵니다.",
        Code::HttpHostRejected => {
            "이 Host에 400 또는 421로 응답했습니다. 애플리케이션이 이 이름을 알지 못합니다."
        }
        Code::HttpRedirect => "리디렉션이 없거나 잘못되었거나 반복됩니다.",
        Code::HttpBody => "본문이 기대와 다릅니다.",
        Code::HttpJson => "JSON 값이 기대와 다릅니다.",
        Code::HttpHeader => "헤더가 기대와 다릅니다.",
        Code::HttpSlow => "기대보다 느립니다. 어느 단계가 느린지 함께 알려 줍니다.",
        Code::HttpTimeout => {
            "제한 시간 안에 응답이 끝나지 않았습니다. 어느 단계에서 멈췄는지 함께 알려 줍니다."
        }
        Code::HttpProtocol => {
            "HTTP가 아니거나 깨진 HTTP입니다. 잘렸거나 길이가 맞지 않거나 본문 도중에 끊겼습니다."
        }
        Code::HttpTooLarge => "본문이 허용 크기보다 큽니다.",
        Code::HttpChanged => "본문이 계획에 적힌 것과 다릅니다.",
        Code::HttpVersion => "계획과 다른 HTTP 버전으로 응답합니다.",
        Code::HttpSessionLost => "앞 단계의 쿠키나 세션이 뒤 단계에서 사라졌습니다.",
        Code::HttpCookie => "쿠키의 속성이 기대와 다릅니다.",
        Code::HttpDiffersByWay => {
            "각 경로의 응답은 정상이지만 서로 다릅니다. 어느 구간에서 달라지는지 알려 줍니다."
        }
        Code::HttpProxy => "체크가 거쳐 가는 프록시가 통과시켜 주지 않습니다.",
        Code::HttpToken => {
            "요청에 쓸 액세스 토큰이 없습니다. OAuth 2.0 토큰 엔드포인트가 거부하거나 실패합니다."
        }
        Code::HttpUpgradeRefused => "WebSocket 업그레이드가 거부되었습니다.",
        Code::WebsocketSilent => "업그레이드된 뒤 와야 할 메시지나 pong이 오지 않습니다.",
        Code::WebsocketClosed => "업그레이드된 뒤 서버가 연결을 닫습니다.",
        Code::WebsocketUnexpectedReply => "업그레이드된 뒤 예상과 다른 메시지가 옵니다.",
        Code::GrpcNotServing => {
            "gRPC 서비스가 서비스할 수 없다고 답하거나, 물어본 서비스를 모릅니다."
        }
        Code::GrpcCallFailed => {
            "gRPC 상태 확인이 실패합니다: 구현되지 않았거나 거부되었거나 다른 것이 응답합니다."
        }
        Code::NginxUnreadable => "nginx가 연결 수를 보여 주는 페이지를 읽을 수 없습니다.",
        Code::NginxDropped => "nginx에 자리가 없어 연결을 버리고 있습니다.",
        Code::CertExpired => "인증서가 만료되었습니다.",
        Code::CertExpiring => "인증서 만료가 가깝습니다.",
        Code::CertNotYetValid => "인증서의 유효 기간이 아직 시작되지 않았습니다.",
        Code::CertRenewalOverdue => "갱신 도구가 이미 갱신했어야 할 시점이 지났습니다.",
        Code::CertWrongName => "요청한 이름에 유효한 인증서가 아닙니다.",
        Code::CertSelfSigned => "신뢰할 수 있는 루트가 아닌 자체 서명 인증서입니다.",
        Code::CertWeakKey => "키가 너무 짧거나 클라이언트가 거부하는 종류입니다.",
        Code::CertWeakSignature => "클라이언트가 거부하는 알고리즘으로 서명되었습니다.",
        Code::CertLifetime => "웹의 CA가 발급할 수 있는 기간보다 길게 발급되었습니다.",
        Code::CertNoTimestamps => {
            "웹의 루트 아래에서 투명성 로그의 타임스탬프 없이 발급되었습니다."
        }
        Code::CertUnreadable => "인증서 파일이 없거나 사용할 수 없습니다.",
        Code::CertKeyMismatch => "키 파일이 인증서와 짝이 맞지 않습니다.",
        Code::CertKeyPermissions => "서버의 모든 사용자가 개인 키를 읽거나 바꿀 수 있습니다.",
        Code::TlsHandshake => {
            "TLS 연결이 성립되지 않습니다. 어떤 경고로 끝났는지 함께 알려 줍니다."
        }
        Code::TlsUntrusted => "제공된 체인이 신뢰할 수 있는 루트로 이어지지 않습니다.",
        Code::TlsIncompleteChain => {
            "제공된 체인에 중간 인증서가 빠져 있습니다. 어느 것인지 함께 알려 줍니다."
        }
        Code::TlsSuperfluous => "제공된 체인에 필요 없는 인증서가 있거나 순서가 맞지 않습니다.",
        Code::TlsOldProtocol => "기준보다 오래된 프로토콜만 지원하거나 아직 지원합니다.",
        Code::TlsNotReloaded => "파일은 갱신되었으나 서버가 여전히 이전 인증서를 제공합니다.",
        Code::TlsAlpn => {
            "계획과 다른 애플리케이션 프로토콜을 선택하거나 아무것도 선택하지 않습니다."
        }
        Code::TlsDiffersByAddress => "같은 이름의 주소들이 서로 다른 인증서를 제공합니다.",
        Code::TlsPinMismatch => "고정한 키 또는 인증서가 아닙니다.",
        Code::TlsRevoked => "CA가 폐기한 인증서를 제공합니다.",
        Code::TlsStaple => "OCSP 응답이 쓸모없거나, 있어야 하는데 없습니다.",
        Code::DnsDrift => "권한 있는 응답이 계획과 다릅니다.",
        Code::DnsMissing => "이름은 있으나 레코드가 없습니다(NODATA).",
        Code::DnsNxdomain => "권한 있는 서버가 그런 이름이 없다고 응답합니다.",
        Code::DnsUnexpected => "없어야 할 레코드가 있습니다.",
        Code::DnsInconsistent => "네임서버마다 레코드가 서로 다릅니다.",
        Code::DnsSerial => "네임서버마다 SOA 일련번호가 서로 다릅니다.",
        Code::DnsLame => "영역에 등록된 네임서버가 권한 있는 응답을 하지 않습니다.",
        Code::DnsUnreachable => "네임서버 또는 리졸버가 응답하지 않습니다.",
        Code::DnsSlow => "네임서버 또는 리졸버가 많은 조회를 놓치거나 늦게 응답합니다.",
        Code::DnsNoTcp => "UDP로만 응답합니다. 응답이 잘리면(TC) 답을 전혀 받을 수 없습니다.",
        Code::DnsStaleCache => "영역은 올바르지만 리졸버가 아직 이전 응답을 가지고 있습니다.",
        Code::DnsAcmeLeftover => "이전 인증용 레코드가 남아 있습니다.",
        Code::DnsAcmeMismatch => "있어야 할 인증용 레코드가 아닙니다.",
        Code::DnsCaa => "사용 중인 인증서를 발급한 CA를 CAA 레코드가 금지합니다.",
        Code::DnsDangling => "CNAME이 존재하지 않는 이름을 가리킵니다.",
        Code::DnsCnameLoop => "CNAME이 자기 자신으로 되돌아옵니다.",
        Code::DnsWildcard => "와일드카드에서 나온 응답이며 레코드 자체는 없습니다.",
        Code::DnsBogus => "DNSSEC 검증에 실패합니다.",
        Code::DnsInsecure => "서명되어 있어야 할 존까지 신뢰 사슬이 이어지지 않습니다.",
        Code::DnsSignatureExpiring => "DNSSEC 서명이 곧 끝나는데 갱신되지 않았습니다.",
        Code::DnsDelegation => "상위 영역의 NS 또는 글루 레코드가 영역 자체의 것과 다릅니다.",
        Code::DnsTtl => "레코드의 TTL이 계획의 한도를 벗어났습니다.",
        Code::DnsValuesUnknown => {
            "레코드의 올바른 값을 알 수 없습니다. 값을 알려 주는 파일이나 명령이 실패합니다."
        }
        Code::PortDead => "할당된 포트인데 응답하는 프로세스가 없습니다.",
        Code::PortTaken => "예약된 포트인데 누군가 수신 대기 중입니다.",
        Code::PortWrongOwner => "할당된 포트를 다른 프로세스가 소유하고 있습니다.",
        Code::PortExposed => "계획보다 넓은 범위에 열려 있습니다.",
        Code::PortHidden => "계획보다 좁은 범위에만 열려 있습니다.",
        Code::PortUndeclared => "수신 대기 중이지만 계획에 없는 포트입니다.",
        Code::PortEphemeral => {
            "계획에 있는 포트인데 커널이 클라이언트에 나눠 주는 범위에 있습니다."
        }
        Code::ForwardBroken => "안쪽 서비스는 살아 있으나 바깥쪽 포트가 응답하지 않습니다.",
        Code::ForwardMisdirected => "바깥쪽 포트가 다른 곳으로 연결됩니다.",
        Code::ForwardNoHairpin => "바깥쪽 주소가 외부에서는 되지만 내부에서는 되지 않습니다.",
        Code::AcmeHttp01 => "CA가 요청하는 방식으로는 인증용 파일에 접근할 수 없습니다.",
        Code::AcmeRenewal => "갱신 도구의 설정 또는 로그에 따르면 다음 갱신이 실패합니다.",
        Code::HeartbeatMissed => "보고해야 할 작업이 제때 보고하지 않았습니다.",
        Code::HeartbeatFailed => "작업이 실패했다고 보고했습니다.",
        Code::HeartbeatOverrun => "작업이 시작했지만 끝났다고 알리지 않았습니다.",
        Code::IcmpTimeout => "에코 요청에 응답이 없습니다.",
        Code::IcmpUnreachable => {
            "에코 요청을 보낼 수 없거나, 경로의 라우터가 도달하지 않는다고 알려 줍니다."
        }
        Code::IcmpLoss => "허용한 것보다 많은 에코 요청이 유실되었습니다.",
        Code::IcmpSlow => "에코 응답이 허용한 시간보다 오래 걸립니다.",
        Code::IcmpNotPermitted => {
            "이 서버에서 에이전트가 에코 요청을 보낼 수 없습니다. 대상의 상태는 알 수 없습니다."
        }
        Code::UdpRefused => "듣는 프로세스가 없어 데이터그램이 거부되었습니다.",
        Code::UdpSilent => "와야 할 데이터그램 응답이 없습니다.",
        Code::UdpUnexpectedReply => "데이터그램에 응답은 왔지만 기대한 것이 아닙니다.",
        Code::AgentReceiver => "수신자에게 보낸 알림이 전달되지 않습니다.",
        Code::AgentPanic => "점검 도중 프로그램 오류가 발생했습니다. 신고가 필요한 결함입니다.",
    }
}
