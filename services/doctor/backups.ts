import type { Check, Finding, Records } from './finding.ts'

type Last = { kind: 'backup' | 'drill'; problem: string | null; ended_at: string }

/** Backups that fail, drills that fail, and none being made. */
export const backupResults: Check<Records> = ({ rows, settings }) => {
  const last = (kind: string) =>
    rows<Last & { state: string }>(
      `SELECT kind, state, problem, ended_at FROM backup_runs WHERE kind = ? AND state <> 'going' ORDER BY id DESC LIMIT 1`,
      kind,
    )
  const failed = [...last('backup'), ...last('drill')].filter(({ state }) => state === 'failed')
  return [...failed.map(failure), ...(settings.backup_enabled ? [] : [turnedOff])]
}

const failure = ({ kind, problem, ended_at }: Last): Finding => ({
  id: `${kind}-failed`,
  severity: 'warning',
  title: kind === 'backup' ? 'The last backup failed.' : 'The last backup could not be restored on trial.',
  detail: `${problem ?? 'It is not known why.'} (${ended_at})`,
  fix: 'Look under Settings, Data, mend what it says, and make a backup by hand.',
})

const turnedOff: Finding = {
  id: 'backups-off',
  severity: 'warning',
  title: 'No backups are made.',
  detail: 'The daily backup is turned off.',
  fix: 'Turn it on under Settings, Data, unless something else backs up the data folder.',
}
