/** A name as it was written, and the address as the lists keep it (`normaliseAddress`). */
export type Correspondent = { name: string; address: string }

/** `data` is missing where it was not kept; `reason` says why. `text` is what a mail within the mail says, in words. */
export type MailAttachment = {
  name: string
  mediaType: string
  size: number
  data?: Buffer
  reason?: string
  text?: string
}

/** A mail as it was taken apart: everything in it is the words of whoever sent it. */
export type MailMessage = {
  /** Without its angle brackets. */
  messageId: string | null
  /** ISO 8601, as its sender says. */
  sentAt: string | null
  /** Exactly one where it can be told who wrote it. */
  from: Correspondent[]
  replyTo: Correspondent[]
  to: Correspondent[]
  cc: Correspondent[]
  subject: string
  inReplyTo: string | null
  /** Oldest first, without angle brackets. */
  references: string[]
  /** All of its own words: HTML turned into text, what is hidden left out, quoted history folded away. */
  text: string
  /** The history that `text` leaves out. */
  quoted: string
  attachments: MailAttachment[]
  /**
   * Header fields that say what kind of mail it is, and those that make its identity, by their lower-case names, each with
   * all its values from the top as they came, unfolded.
   */
  headers: Readonly<Record<string, readonly string[]>>
  /** SHA-256 over everything after the header, as it came, in hexadecimal. */
  bodyHash: string
  /** False where nothing but its header could be read. */
  readable: boolean
  /** What could not be read, in words for the owner. */
  problems: string[]
}
