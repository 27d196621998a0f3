import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { api, elsewhere, fieldError } from '../api.ts'
import { counted, fileSize, fullTime } from '../format.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { CheckField, TextField } from '../ui/field.tsx'
import { Icon } from '../ui/icons.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Badge, Empty, Loading, Problem, Time } from '../ui/states.tsx'
import { complain, tell } from '../ui/toast.tsx'

type Backup = {
  id: string
  created_at: string
  cause: 'manual' | 'daily' | 'update' | 'command'
  size: number
  files: number
  rows: number
  key_fits: boolean
}
type Result = {
  id: string
  kind: 'backup' | 'drill'
  state: 'going' | 'done' | 'failed'
  backup: string | null
  problem: string | null
  started_at: string
  ended_at: string | null
}
type Backups = { items: Backup[]; going: Result[]; last_drill: Result | null; results: Result[] }
type Settings = { enabled: boolean; time: string; keep_daily: number; keep_weekly: number }

const CAUSES: Record<Backup['cause'], string> = {
  manual: 'by hand',
  daily: 'daily',
  update: 'before an update',
  command: 'by command',
}
const LOOK_MS = 1500
const SHOWN = 8

/** The backups there are, how the last trial went, making one now, and when they are made by themselves. */
export function BackupsSection(): JSX.Element {
  const list = useResource<Backups>('/api/backups')
  const settings = useResource<Settings>('/api/settings/backup')
  const isGoing = (list.data?.going.length ?? 0) > 0
  useEffect(() => {
    if (!isGoing) return
    const timer = setInterval(() => void list.reload(), LOOK_MS)
    return () => clearInterval(timer)
  }, [isGoing, list.reload])
  const begin = (path: string) => void api.post(path, {}).then(list.reload, complain)
  return (
    <>
      <Section
        title="Backups"
        intro="The database, files and trash of one instant, in DATA_DIR/backups. The master key is not in them: without it they cannot be used, so keep the recovery key elsewhere, and copies of backups on another machine."
        actions={
          <Button icon="plus" busy={isGoing} onClick={() => begin('/api/backups')}>
            Back up now
          </Button>
        }
      >
        <Problem error={list.error} retry={() => void list.reload()} />
        {!list.data && list.loading && <Loading />}
        {list.data && <Stand {...list.data} tryNow={() => begin('/api/backups/drill')} />}
        {list.data && <List items={list.data.items} />}
      </Section>
      <Section title="Automatic backups">
        <Problem error={settings.error} retry={() => void settings.reload()} />
        {settings.data && <SettingsForm settings={settings.data} reload={settings.reload} />}
      </Section>
    </>
  )
}

function Stand({ items, going, last_drill: drill, results, tryNow }: Backups & { tryNow: () => void }) {
  const backup = results.find(({ kind, state }) => kind === 'backup' && state !== 'going')
  return (
    <div role="status">
      {going.map(({ id, kind }) => (
        <p key={id}>{kind === 'backup' ? 'A backup is being made…' : 'A backup is being restored on trial…'}</p>
      ))}
      {backup?.state === 'failed' && <Failure words={`The last backup failed: ${backup.problem ?? ''}`} />}
      {drill?.state === 'failed' && <Failure words={`The last restore drill failed: ${drill.problem ?? ''}`} />}
      {items.length > 0 && (
        <p>
          {drill?.state === 'done' ? (
            <>
              Restored on trial and found whole <Time at={drill.started_at} />.
            </>
          ) : drill?.state === 'failed' ? (
            'The next backup copies everything anew.'
          ) : (
            'Not restored on trial yet; that is done once a week.'
          )}
        </p>
      )}
      {items.length > 0 && (
        <div class="filter-actions">
          <Button small busy={going.length > 0} onClick={tryNow}>
            Try the newest now
          </Button>
        </div>
      )}
    </div>
  )
}

function Failure({ words }: { words: string }) {
  return (
    <div class="notice problem">
      <Icon name="alert" />
      <span>{words}</span>
    </div>
  )
}

function List({ items }: { items: Backup[] }) {
  const [all, setAll] = useState(false)
  if (items.length === 0) return <Empty icon="copy" title="No backups yet" />
  return (
    <>
      <ul class="rows plain-list" aria-label="Backups">
        {(all ? items : items.slice(0, SHOWN)).map((backup) => (
          <li class="row" key={backup.id}>
            <div class="row-text">
              <strong>{fullTime(backup.created_at)}</strong> <Badge>{CAUSES[backup.cause]}</Badge>{' '}
              {!backup.key_fits && <Badge kind="ask">needs an earlier master key</Badge>}
              <div class="muted small">
                {fileSize(backup.size)} · {counted(backup.rows, 'row')} · {counted(backup.files, 'file')}
              </div>
              <code class="small break">{backup.id}</code>
            </div>
          </li>
        ))}
      </ul>
      {!all && items.length > SHOWN && (
        <Button small onClick={() => setAll(true)}>
          Show all {items.length}
        </Button>
      )}
    </>
  )
}

function SettingsForm({ settings, reload }: { settings: Settings; reload: () => Promise<void> }) {
  const [draft, setDraft] = useState({
    ...settings,
    keep_daily: String(settings.keep_daily),
    keep_weekly: String(settings.keep_weekly),
  })
  const { busy, error, run } = useAction()
  const save = (event: Event) => {
    event.preventDefault()
    const { keep_daily, keep_weekly, ...rest } = draft
    void run(async () => {
      const values = { ...rest, keep_daily: Number(keep_daily), keep_weekly: Number(keep_weekly) }
      await api.post('/api/settings/backup', values)
      await reload()
      tell('Saved. It counts from now on.')
    })
  }
  return (
    <form onSubmit={save} aria-label="Automatic backups">
      <CheckField
        label="Make a backup every day"
        hint="Once a week the newest is restored into a scratch folder and compared. You are told when something fails."
        checked={draft.enabled}
        onChange={(enabled) => setDraft({ ...draft, enabled })}
      />
      <div class="field-pair">
        <TextField
          label="Time of day"
          hint="In the time zone of the house. A missed one is made up for."
          type="time"
          value={draft.time}
          onInput={(time) => setDraft({ ...draft, time })}
          error={fieldError(error, 'time')}
          required
        />
        <TextField
          label="Days kept"
          hint="The newest of each of so many days."
          type="number"
          min={1}
          step={1}
          value={draft.keep_daily}
          onInput={(keep_daily) => setDraft({ ...draft, keep_daily })}
          error={fieldError(error, 'keep_daily')}
          required
        />
        <TextField
          label="Weeks kept"
          hint="And of so many weeks. What you made by hand stays."
          type="number"
          min={1}
          step={1}
          value={draft.keep_weekly}
          onInput={(keep_weekly) => setDraft({ ...draft, keep_weekly })}
          error={fieldError(error, 'keep_weekly')}
          required
        />
      </div>
      <Problem error={elsewhere(error, ['time', 'keep_daily', 'keep_weekly'])} />
      <Button type="submit" busy={busy}>
        Save backups
      </Button>
    </form>
  )
}
