import type { JSX } from 'preact'
import { SettingsFrame } from '../frame/settings-frame.tsx'
import type { DoctorReport, Finding, Severity } from '../findings.ts'
import { Button } from '../ui/button.tsx'
import { Icon, type IconName } from '../ui/icons.tsx'
import { Section } from '../ui/page.tsx'
import { useResource } from '../ui/resource.ts'
import { Loading, Problem } from '../ui/states.tsx'

const PARTS: [Severity, string, IconName][] = [
  ['critical', 'Mend this now', 'alert'],
  ['warning', 'Look at this', 'alert'],
  ['info', 'Good to know', 'info'],
]

/** What exposes the house, the worst first, each with what to do. */
export function DoctorPage(): JSX.Element {
  const report = useResource<DoctorReport>('/api/doctor')
  const again = (
    <Button busy={report.loading} onClick={() => void report.reload()}>
      Look again
    </Button>
  )
  return (
    <SettingsFrame actions={again}>
      <Problem error={report.error} retry={() => void report.reload()} />
      {!report.data && report.loading && <Loading what="Looking" />}
      {report.data && <Findings items={report.data.items} />}
    </SettingsFrame>
  )
}

function Findings({ items }: { items: Finding[] }) {
  const isCalm = items.every(({ severity }) => severity === 'info')
  return (
    <>
      {isCalm && (
        <p class="notice">
          <Icon name="check" />
          <span>Nothing needs mending.</span>
        </p>
      )}
      {PARTS.map(([severity, title, icon]) => (
        <Part key={severity} title={title} icon={icon} items={items.filter((item) => item.severity === severity)} />
      ))}
    </>
  )
}

function Part({ title, icon, items }: { title: string; icon: IconName; items: Finding[] }) {
  if (items.length === 0) return null
  return (
    <Section title={title}>
      <ul class="stack plain-list">
        {items.map((item) => (
          <li key={item.id} class={`finding ${item.severity}`}>
            <Icon name={icon} />
            <div>
              <h3>{item.title}</h3>
              <p class="muted break">{item.detail}</p>
              <p class="break">{item.fix}</p>
            </div>
          </li>
        ))}
      </ul>
    </Section>
  )
}
