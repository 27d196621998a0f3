import type { ZodType } from 'zod'
import type { Labels } from '../shapes/labels.ts'
import type { ToolSchema } from './model.ts'

/** `read` changes nothing, `write` the owner's own data, `send` leaves the house, `execute` runs code. */
export type Effect = 'read' | 'write' | 'send' | 'execute'

/** A place in the file system that a call touches, as it is on the disk and not as the model spelled it. */
export type PathFact = {
  /** Absolute, with every symbolic link of the existing part resolved. */
  path: string
  /** How many names the file has; 0 when it does not exist yet. Folders count as 1. */
  hardLinks: number
}

/**
 * Where a call would reach, gathered before it is decided. `decide` is pure and sees only this.
 * `url`: one absolute URL after WHATWG normalisation. `engine`: a query to the configured search engine. `server`: an
 * outside tool server, which learns whatever the call says.
 */
export type Reach = {
  paths?: PathFact[]
  egress?:
    { kind: 'url'; url: string } | { kind: 'engine'; host: string } | { kind: 'server'; name: string; inHouse: boolean }
  destinations?: Destination[]
  /**
   * What one yes to a `send` covers until the run ends: a form of a page, say. It begins with `form:`; every call is asked
   * about by itself when absent.
   */
  covers?: string
  /** A `write` that leaves the house all the same, such as an event to which others are invited: it is decided as a `send`. */
  sends?: boolean
  /** What else an approval is bound to, such as the content of a file that goes along: another one is another call. */
  pins?: string[]
  /** A write that the owner said beforehand may be done without asking; it counts while nothing of others was read. */
  agreed?: boolean
}

/**
 * An address, chat id, host or target of a `send`. `owner`: marked as the owner's own. `listed`: on the hard list for its
 * kind. `other`: not on it. `unlisted`: there is no such list for its kind. `full`: its daily limit is used up.
 */
export type Destination = { address: string; class: 'owner' | 'listed' | 'other' | 'unlisted'; full?: boolean }

/**
 * `ask` and `deny` carry a sentence that may be told to the model: it never names the switch that would lift it. `grant`: the
 * standing yes that allowed it, whose use is to be counted.
 */
export type Verdict = { decision: 'allow' | 'ask' | 'deny'; rule: string; reason: string; grant?: string }

/** What a tool may know of the run it works for. */
export type ToolContext = {
  userId: string
  runId: string
  callId: string
  /** Ends when the run is stopped or the operation's time is over. */
  signal: AbortSignal
  /** The labels of the run at this moment. */
  labels: Labels
  /** Decides a redirect hop as a call of its own. */
  decideHop: (url: string) => Verdict
}

/** Which call of which run. */
export type Step = Pick<ToolContext, 'userId' | 'runId' | 'callId'>

/** A picture that the model looks at and the owner sees. */
export type Picture = { mediaType: 'image/png' | 'image/jpeg' | 'image/webp' | 'image/gif'; data: Buffer }

/** `content` is for the model; `summary` is one short line for people (made from `content` when absent). */
export type ToolOutcome = {
  content: string
  summary?: string
  /** The labels of exactly this result; the operation's `yields` when absent. */
  labels?: Labels
  /** URLs that stood whole in a result list of the search engine. */
  resultUrls?: string[]
  pictures?: Picture[]
  /** What it was read from, in a few words for the owner: "the mail of 09:12 by x@y". */
  source?: string
}

/**
 * Thrown by an operation that cannot know whether the thing happened (a connection that broke after the request had
 * gone). Nothing is tried again by itself: the owner is asked. The message says what is known.
 */
export class UncertainError extends Error {}

/** Thrown by an operation whose call waits for another run to end; it is run again then, and must know its own work. */
export class NotYet extends Error {}

/**
 * One thing a tool can do. Its declarations are what the policy goes by, so they are never optional in meaning:
 * what is left out is the harmless value.
 */
export type Operation<Args = any> = {
  /** One line for the model. */
  description: string
  /** Strict object schema of the arguments without `operation`; built on first use. */
  input: () => ZodType<Args>
  effect: Effect
  /** What it replaces is gone. A copy in the trash makes it not destructive. */
  destructive: boolean
  /** Never offered to unattended runs. */
  attendedOnly: boolean
  /** An agent may do it only where its tools name it; "every tool" does not mean this one. */
  listedOnly?: boolean
  /** It tells only of the tools of the run, so no list of them needs to name it. */
  unlisted?: boolean
  /** The worst labels its result can have. */
  yields: Labels
  /** After a crash in the middle: `redo` it, `verify` whether it happened, or `ask` the owner. */
  recovery: 'redo' | 'verify' | 'ask'
  verify?: (args: Args, context: ToolContext) => Promise<'done' | 'not_done' | 'unknown'>
  /** Milliseconds after which the call is cut off; 60,000 when absent. */
  timeoutMs?: number
  /**
   * Looks at the world without changing it or telling it anything, for the decision: the disk and the database, never the
   * network. The one exception is the owner's own servers: that of mail, asked for the mail that is answered, whose sender is where
   * the answer would go, and that of calendars and contacts, asked for what would be changed, since whom it names is told.
   * `callId` is known but for calls that are only tried out.
   */
  inspect: (args: Args, userId: string, callId?: string, runId?: string) => Reach | Promise<Reach>
  /** One sentence for the owner's card: what would happen. Text from others stands in quotation marks. */
  describe: (args: Args, userId: string, runId?: string) => string
  /**
   * Does it. `reach` is what was inspected and decided on; the operation must touch exactly that or throw.
   * Throws AppError with a sentence the model and the owner can act on, UncertainError or NotYet.
   */
  run: (args: Args, context: ToolContext, reach: Reach) => Promise<ToolOutcome>
  /**
   * Takes what there is only so much of, in the transaction that writes the step as started. Throws `forbidden` where nothing is
   * left: then it does not start.
   */
  reserve?: (args: Args, context: Step, reach: Reach) => void
  /** Gives it back where it certainly did not happen, in the transaction in which the call ended without success. */
  release?: (context: Step) => void
  /**
   * Notes, in the transaction of the owner's answer, what became of a call that nobody knew about. Doing it again is an
   * ordinary `run`.
   */
  settle?: (answer: 'done' | 'give_up', args: Args, context: Step) => void
}

/** A tool is a family of operations. The model sees one tool with an `operation` argument. */
export type Tool = {
  name: string
  description: string
  operations: Record<string, Operation>
  /**
   * It has one operation, which calls do not name: their arguments are that operation's, whatever they are called. `schema` is
   * what models see, instead of what is made of the operations.
   */
  alone?: { operation: string; schema: ToolSchema }
  /**
   * One line for the model about the names that its arguments may take now; undefined where there is nothing to say. Where
   * there is no such name, '': it is not offered.
   */
  known?: (userId: string, runId?: string) => string | undefined
  /** The whole address that a destination stands for, as `reach` has it, where people write less. Throws `invalid` for none. */
  addressOf?: (userId: string, destination: string) => string
}

/** Keeps the argument types of one operation together while it is written. */
export function operation<Args>(definition: Operation<Args>): Operation<Args> {
  return definition
}
