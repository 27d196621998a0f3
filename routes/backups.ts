import { z } from 'zod'
import { cursorsOf, pageOf } from '../services/cursors.ts'
import { CAUSES } from '../services/backups/manifest.ts'
import { Cursor, list, Ok, OK, Time, whole } from '../services/shapes/common.ts'
import { lazy } from '../services/shapes/lazy.ts'
import { endpoint } from './endpoint.ts'

const Entry = lazy(() =>
  z.object({
    id: z.string(),
    created_at: Time(),
    cause: z.enum(CAUSES),
    app_version: z.string(),
    schema_version: z.number().int(),
    size: z.number().int(),
    files: z.number().int(),
    rows: z.number().int(),
    key_fits: z.boolean(),
  }),
)
const Result = lazy(() =>
  z.object({
    id: z.string(),
    kind: z.enum(['backup', 'drill']),
    cause: z.enum(['manual', 'daily', 'weekly']),
    state: z.enum(['going', 'done', 'failed']),
    backup: z.string().nullable(),
    problem: z.string().nullable(),
    started_at: Time(),
    ended_at: Time().nullable(),
  }),
)
const Backups = lazy(() =>
  list(Entry)().extend({
    going: z.array(Result()),
    last_backup: Result().nullable(),
    last_drill: Result().nullable(),
    results: z.array(Result()),
  }),
)
const Begun = lazy(() => z.object({ ok: z.literal(true), id: z.string() }))
const Keep = lazy(() => z.number().int().min(1).max(1000))
const Settings = lazy(() =>
  z.strictObject({
    enabled: z.boolean(),
    time: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day like 03:30'),
    keep_daily: Keep(),
    keep_weekly: Keep(),
  }),
)
const SettingsChange = lazy(() => Settings().partial())

const ID = '019a9d2e-7c1a-7000-8000-000000000021'
const RESULT = {
  id: ID,
  kind: 'backup' as const,
  cause: 'daily' as const,
  state: 'done' as const,
  backup: '2026-11-22T03-30-00-000Z',
  problem: null,
  started_at: '2026-11-22T03:30:00.000Z',
  ended_at: '2026-11-22T03:30:04.000Z',
}
const DRILL = { ...RESULT, id: ID.replace(/1$/, '2'), kind: 'drill' as const, cause: 'weekly' as const }
const ENTRY = {
  id: RESULT.backup,
  created_at: RESULT.started_at,
  cause: 'daily' as const,
  app_version: '0.1.0',
  schema_version: 4,
  size: 73400320,
  files: 212,
  rows: 48210,
  key_fits: true,
}

const NEWEST_FIRST = {
  placeOf: ({ id }: { id: string }) => id,
  order: 'descending' as const,
  cursors: cursorsOf('backups'),
}

export const backupEndpoints = [
  endpoint({
    method: 'get',
    path: '/api/backups',
    tag: 'Data',
    role: 'admin',
    scopes: ['read'],
    summary: 'The backups in DATA_DIR/backups, newest first, and what became of the last ones',
    description:
      '`size` is what is in it; copies of files that did not change are shared between backups. `key_fits`: the present master key opens it. A drill restores a backup into a scratch folder and compares it with what was backed up; `last_drill` says how the last one went.',
    query: Cursor,
    output: Backups,
    example: { ...whole([ENTRY]), going: [], last_backup: RESULT, last_drill: DRILL, results: [DRILL, RESULT] },
    handle: ({ query }, { services }) => ({
      ...pageOf(services.backups.list(), query, NEWEST_FIRST),
      ...services.backups.stand(),
    }),
  }),
  endpoint({
    method: 'post',
    path: '/api/backups',
    tag: 'Data',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Make a backup now',
    description: 'Answers at once; `id` is that of its result in GET /api/backups. 409 while one is being made.',
    status: 202,
    output: Begun,
    errors: ['conflict'],
    creates: { showsSecret: false },
    example: { ok: true, id: ID },
    handle: (_input, { services, who }) => ({ ok: true as const, id: services.backups.begin('backup', who.actor) }),
  }),
  endpoint({
    method: 'post',
    path: '/api/backups/drill',
    tag: 'Data',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Try the newest backup now',
    description:
      'Restores it into a scratch folder and looks whether everything is there: checksums, the database sound, every table with as many rows as were counted. Answers at once; `id` is that of its result.',
    status: 202,
    output: Begun,
    errors: ['conflict'],
    creates: { showsSecret: false },
    example: { ok: true, id: ID },
    handle: (_input, { services, who }) => ({ ok: true as const, id: services.backups.begin('drill', who.actor) }),
  }),
  endpoint({
    method: 'get',
    path: '/api/settings/backup',
    tag: 'Settings',
    role: 'admin',
    scopes: ['read'],
    summary: 'When backups are made and how many are kept',
    description: '`time` is in the time zone TZ. The newest of so many days and weeks are kept.',
    output: Settings,
    example: { enabled: true, time: '03:30', keep_daily: 7, keep_weekly: 4 },
    handle: (_input, { services }) => services.backups.settings(),
  }),
  endpoint({
    method: 'post',
    path: '/api/settings/backup',
    tag: 'Settings',
    role: 'admin',
    scopes: ['admin'],
    summary: 'Change when backups are made and how many are kept',
    description: 'What is left out stays as it is. Only backups that Steward made by itself are ever removed.',
    body: SettingsChange,
    output: Ok,
    example: OK,
    exampleBody: { time: '04:15', keep_daily: 14 },
    handle: ({ body }, { services, who }) => (services.backups.changeSettings(body, who.actor), OK),
  }),
]
