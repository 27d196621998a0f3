/** What is asked of the thread that reads and writes calendars and cards, and what it answers. */

export type Person = { address: string; name: string; answer?: string }

/** When something is: a day, with the day after its last as its end; or moments in UTC. */
export type Span = { allDay: boolean; start: string; end: string }

/** One event or one occurrence of a series in a list. `object`: its place among what was given. */
export type Occurrence = Span & {
  object: number
  title: string
  location: string
  recurring: boolean
  /** Which occurrence of the series it is; '' for a single event. */
  recurrenceId: string
  cancelled: boolean
  /** Takes no time of anybody (TRANSP). */
  free: boolean
  people: number
}

export type EventDetails = Span & {
  title: string
  location: string
  description: string
  rule: string
  recurrenceId: string
  cancelled: boolean
  free: boolean
  organizer: Person | null
  attendees: Person[]
  /** Everybody that any part of the object names. */
  everybody: string[]
  reminders: string[]
  attachments: number
  url: string
  zone: string
}

/** A day (`2026-11-26`), or a local time of a zone (`2026-11-26T10:00:00`). */
export type Local = { value: string; zone?: string | undefined }

export type EventChange = {
  title?: string | undefined
  location?: string | undefined
  description?: string | undefined
  start?: Local | undefined
  end?: Local | undefined
  attendees?: string[] | undefined
  /** An RRULE; '' takes it away. */
  rule?: string | undefined
  /** Minutes before the start; null takes all reminders away. */
  reminder?: number | null | undefined
}

/** `callId`: by which the object is known again after a crash. */
export type Meta = { callId: string; now: string; organizer?: string | undefined }

export type CardChange = {
  name?: string | undefined
  emails?: string[] | undefined
  phones?: string[] | undefined
  organization?: string | undefined
  title?: string | undefined
  address?: string | undefined
  birthday?: string | undefined
  url?: string | undefined
  note?: string | undefined
}
export type Card = { object: number; uid: string } & Required<{
  [Field in keyof CardChange]: NonNullable<CardChange[Field]>
}> & {
    /** Everything else that stands in it, to be searched. */
    rest: string
  }

export type Job =
  | { op: 'list'; objects: string[]; from: number; to: number; zone: string; most: number; progress: SharedArrayBuffer }
  | { op: 'read'; data: string; recurrenceId: string; zone: string }
  | { op: 'make'; change: EventChange; meta: Meta }
  | { op: 'change'; data: string; recurrenceId: string; change: EventChange; meta: Meta; zone: string }
  | { op: 'cut'; data: string; recurrenceId: string; meta: Meta; zone: string }
  | { op: 'cards'; objects: string[]; progress: SharedArrayBuffer }
  | { op: 'card'; data: string | null; change: CardChange; meta: Meta }

/** `problem`: what is wrong with what was asked, in a sentence. `gone`: nothing is left of the object. */
export type Answer =
  | { occurrences: Occurrence[]; more: boolean; unreadable: number }
  | { details: EventDetails }
  | { cards: Card[]; unreadable: number }
  | { text: string }
  | { gone: true }
  | { problem: string }
