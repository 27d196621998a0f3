import type { JSX } from 'preact'
import { askPassword } from '../password.ts'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import { fileSize } from '../format.ts'
import { me } from '../session.ts'
import { useAction } from '../ui/action.ts'
import { Button } from '../ui/button.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'
import { Facts } from '../work/facts.tsx'
import { BackupsSection } from './data-backups.tsx'
import { RetentionSection } from './data-retention.tsx'

const EXPORT = '/api/account/export'

/** What is kept here, for how long, how it is backed up, and how it is taken out. */
export function DataPage(): JSX.Element {
  const isAdmin = me.value?.role === 'admin'
  return (
    <SettingsFrame>
      {isAdmin && <BackupsSection />}
      <ExportSection />
      {isAdmin && <RetentionSection />}
      {isAdmin && <DiskSection />}
    </SettingsFrame>
  )
}

function ExportSection() {
  const { busy, error, run } = useAction()
  const download = () =>
    void run(async () => {
      const asked = await fetch(EXPORT, { method: 'HEAD' })
      if (asked.status === 403 && !(await askPassword())) return
      if (asked.status === 409) throw new Error('An export is going on already. Wait until it is done.')
      location.assign(EXPORT)
    })
  return (
    <Section
      title="Export"
      intro="All that is yours as a zip: conversations, agents, tasks, records and files. No passwords and no keys."
      actions={
        <Button icon="arrowDown" onClick={download} busy={busy}>
          Download
        </Button>
      }
    >
      <Problem error={error} />
    </Section>
  )
}

type DiskUse = Record<'database' | 'files' | 'trash' | 'backups' | 'other' | 'free' | 'total', number>

function DiskSection() {
  const use = useResource<DiskUse>('/api/disk-use')
  const data = use.data
  return (
    <Section title="Disk use">
      <Problem error={use.error} retry={() => void use.reload()} />
      {!data && use.loading && <Loading />}
      {data && (
        <Facts
          facts={[
            ['Database', fileSize(data.database)],
            ['Files', fileSize(data.files)],
            ['Trash', fileSize(data.trash)],
            ['Backups', fileSize(data.backups)],
            data.other > 1024 * 1024 ? ['Other', fileSize(data.other)] : null,
            ['Free on this disk', `${fileSize(data.free)} of ${fileSize(data.total)}`],
          ]}
        />
      )}
    </Section>
  )
}
