/** How a connection to a mail server is protected; `none` is plain text. */
export type Secure = 'tls' | 'starttls' | 'none'

/** Where mail servers usually listen (RFC 8314). */
export const USUAL_PORTS: Record<'imap' | 'smtp', Record<Secure, number>> = {
  imap: { tls: 993, starttls: 143, none: 143 },
  smtp: { tls: 465, starttls: 587, none: 25 },
}
