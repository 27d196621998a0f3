import type { Tool } from '../agent/tool.ts'
import { createAgenda } from '../dav/agenda.ts'
import { createBook } from '../dav/book.ts'
import { createCalendarReader } from '../dav/calendars.ts'
import type { Dav } from '../dav/dav.ts'
import { createDavObjects, type ObjectsDeps } from '../dav/objects.ts'
import type { Deps } from '../deps.ts'
import { createDailyLimits } from '../mail/daily-limits.ts'
import { createCaldavTool } from './caldav.ts'
import { createContactsTool } from './contacts.ts'

export type DavToolsDeps = Deps &
  Pick<ObjectsDeps, 'entryOf'> & {
    config: { timezone: string }
    /** The file of the thread that reads and writes calendars. */
    workers: { calendar: URL }
    closing: { add: (name: string, close: () => Promise<unknown>) => void }
  }

/** The tools of calendars and address books, with what they share. */
export function createDavTools(dav: Dav, { config, workers, closing, ...deps }: DavToolsDeps): Tool[] {
  const zone = config.timezone
  const reader = createCalendarReader({ file: workers.calendar })
  closing.add('calendars', () => reader.close())
  const limits = createDailyLimits({ ...deps, timezone: zone })
  const objects = createDavObjects({ dav, entryOf: deps.entryOf, limits })
  const shared = { now: deps.now, zone, objects, reader, accounts: dav.accounts }
  return [
    createCaldavTool({ ...shared, agenda: createAgenda({ objects, reader, zone }) }),
    createContactsTool({ ...shared, book: createBook({ objects, reader }) }),
  ]
}
