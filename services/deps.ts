import type { Db } from '../db/open.ts'

/** The clock enters here and nowhere else. */
export type Clock = () => Date

/** What nearly every service is handed. */
export type Deps = { db: Db; now: Clock }
