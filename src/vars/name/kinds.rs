//! What the names stand for.

use crate::vars::hello::HelloPart;

/// Which certificate a variable is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// `SSL_SERVER_`: the certificate in use on this side.
    Server,
    /// `SSL_CLIENT_`: the peer's.
    Client,
}

/// Subject or issuer of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// `S_DN`.
    Subject,
    /// `I_DN`.
    Issuer,
}

/// An attribute of a distinguished name that has a variable of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// `C`, countryName.
    Country,
    /// `ST` (`SP` on lookup), stateOrProvinceName.
    State,
    /// `L`, localityName.
    Locality,
    /// `O`, organizationName.
    Organization,
    /// `OU`, organizationalUnitName.
    OrganizationalUnit,
    /// `CN`, commonName.
    CommonName,
    /// `T`, title.
    Title,
    /// `I`, initials.
    Initials,
    /// `G`, givenName.
    GivenName,
    /// `S`, surname.
    Surname,
    /// `D`, description.
    Description,
    /// `UID`, userId.
    UserId,
    /// `Email`, emailAddress of PKCS #9.
    Email,
    /// `SerialNumber`, the attribute 2.5.4.5.
    SerialNumber,
}

/// A kind of subject alternative name that has variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AltName {
    /// `Email`, rfc822Name.
    Email,
    /// `DNS`, dNSName.
    Dns,
    /// `OTHER_msUPN`, otherName 1.3.6.1.4.1.311.20.2.3.
    MsUpn,
    /// `OTHER_dnsSRV`, otherName 1.3.6.1.5.5.7.8.7.
    DnsSrv,
}

/// A variable about one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateVariable {
    /// `M_VERSION`.
    Version,
    /// `M_SERIAL`.
    Serial,
    /// `S_DN`, `I_DN`.
    Dn(Party),
    /// `S_DN_CN_1_RAW`, ...
    DnComponent {
        /// Whose.
        party: Party,
        /// Of which type.
        attribute: Attribute,
        /// Which one of that type, from 0, in certificate order.
        index: u32,
        /// Without conversion to UTF-8.
        raw: bool,
    },
    /// `SAN_DNS_0`, ...
    AltName {
        /// Of which kind.
        kind: AltName,
        /// Which one of that kind, from 0.
        index: u32,
    },
    /// `V_START`.
    NotBefore,
    /// `V_END`.
    NotAfter,
    /// `V_REMAIN`.
    DaysLeft,
    /// `A_SIG`.
    SignatureAlgorithm,
    /// `A_KEY`.
    KeyAlgorithm,
    /// `CERT`.
    Pem,
    /// `B64CERT`: DER in base64, in one line.
    Base64,
}

/// A variable about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionVariable {
    /// `SSL_TLS_SNI`.
    Sni,
    /// `SSL_PROTOCOL`.
    Protocol,
    /// `SSL_SESSION_ID`.
    SessionId,
    /// `SSL_SESSION_RESUMED`.
    SessionResumed,
    /// `SSL_SECURE_RENEG`.
    SecureRenegotiation,
    /// `SSL_CIPHER`.
    Cipher,
    /// `SSL_CIPHER_EXPORT`.
    CipherExport,
    /// `SSL_CIPHER_USEKEYSIZE`.
    CipherUsedBits,
    /// `SSL_CIPHER_ALGKEYSIZE`.
    CipherAlgorithmBits,
    /// `SSL_COMPRESS_METHOD`.
    CompressionMethod,
    /// `SSL_SHARED_CIPHERS`: what both sides allow, in the client's order.
    SharedCiphers,
    /// `SSL_HANDSHAKE_RTT`: microseconds.
    HandshakeRoundTrip,
    /// `SSL_KEY_EXCHANGE_GROUP`.
    KeyExchangeGroup,
    /// `SSL_SERVER_SIGNATURE_SCHEME`, `SSL_CLIENT_SIGNATURE_SCHEME`: of the handshake.
    SignatureScheme(Side),
    /// `SSL_SRP_USER`.
    SrpUser,
    /// `SSL_SRP_USERINFO`.
    SrpUserInfo,
    /// `SSL_CLIENTHELLO_...`.
    ClientHello(HelloPart),
    /// `SSL_CLIENT_CERT_CHAIN_n`.
    ClientChain(u32),
    /// `SSL_CLIENT_CERT_RFC4523_CEA`.
    ClientExactAssertion,
    /// `SSL_CLIENT_B64CERT_CHAIN_n`: as [`Base64`](CertificateVariable::Base64).
    ClientChainBase64(u32),
    /// `SSL_CLIENT_VERIFY`.
    ClientVerify,
    /// `SSL_CLIENT_VERIFY_ERRSTR`: why verification failed.
    ClientVerifyError,
    /// `SSL_SERVER_...`, `SSL_CLIENT_...`.
    Certificate(Side, CertificateVariable),
}

/// `SSL_VERSION_...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VersionVariable {
    /// `INTERFACE`: this module.
    Interface,
    /// `LIBRARY`: OpenSSL at run time.
    Library,
    /// `LIBRARY_INTERFACE`: OpenSSL at build time.
    LibraryInterface,
}

/// A variable about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestVariable<'n> {
    /// `HTTP_HOST` and a few others, `HTTP:name`: a header of the request.
    Header(&'n [u8]),
    /// `REQUEST_METHOD`.
    Method,
    /// `REQUEST_SCHEME`.
    Scheme,
    /// `REQUEST_URI`.
    Uri,
    /// `REQUEST_FILENAME`, `SCRIPT_FILENAME`.
    Filename,
    /// `REMOTE_ADDR`.
    RemoteAddr,
    /// `REMOTE_HOST`.
    RemoteHost,
    /// `REMOTE_IDENT`.
    RemoteIdent,
    /// `REMOTE_USER`.
    RemoteUser,
    /// `SERVER_ADMIN`.
    ServerAdmin,
    /// `SERVER_NAME`.
    ServerName,
    /// `SERVER_PORT`.
    ServerPort,
    /// `SERVER_PROTOCOL`.
    ServerProtocol,
    /// `PATH_INFO`.
    PathInfo,
    /// `QUERY_STRING`.
    QueryString,
    /// `IS_SUBREQ`.
    IsSubrequest,
    /// `DOCUMENT_ROOT`.
    DocumentRoot,
    /// `AUTH_TYPE`.
    AuthType,
    /// `THE_REQUEST`.
    RequestLine,
}

/// A field of `TIME_...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeVariable {
    /// `TIME_YEAR`.
    Year,
    /// `TIME_MON`.
    Month,
    /// `TIME_DAY`.
    Day,
    /// `TIME_HOUR`.
    Hour,
    /// `TIME_MIN`.
    Minute,
    /// `TIME_SEC`.
    Second,
    /// `TIME_WDAY`.
    Weekday,
    /// `TIME`.
    Stamp,
}

/// A variable that needs neither request nor TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndependentVariable<'n> {
    /// `SERVER_SOFTWARE`.
    ServerSoftware,
    /// `API_VERSION`.
    ApiVersion,
    /// `TIME...`.
    Time(TimeVariable),
    /// `ENV:name`.
    Environment(&'n [u8]),
}

/// A variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variable<'n> {
    /// Needs a request.
    Request(RequestVariable<'n>),
    /// `HTTPS`: needs a connection.
    Https,
    /// Needs a connection with TLS.
    Connection(ConnectionVariable),
    /// `SSL_VERSION_...`: needs nothing, but is tied to TLS in `%{SSL_...}`.
    Version(VersionVariable),
    /// Needs nothing.
    Independent(IndependentVariable<'n>),
}

impl Variable<'_> {
    /// Whether its value is what a certificate of the client says.
    #[must_use]
    pub const fn is_said_by_client_certificate(&self) -> bool {
        use ConnectionVariable as V;
        matches!(
            self,
            Self::Connection(
                V::Certificate(Side::Client, _)
                    | V::ClientChain(_)
                    | V::ClientChainBase64(_)
                    | V::ClientExactAssertion
            )
        )
    }
}
