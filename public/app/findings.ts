import { api } from './api.ts'

export type Severity = 'critical' | 'warning' | 'info'

/** Something that exposes the house, and how to mend it. */
export type Finding = { id: string; severity: Severity; title: string; detail: string; fix: string }

export type DoctorReport = { items: Finding[]; ok: boolean }

/** What is critical now; nothing for whoever may not know. */
export async function criticalFindings(): Promise<Finding[]> {
  const report = await api.get<DoctorReport>('/api/doctor').catch(() => undefined)
  return report?.items.filter(({ severity }) => severity === 'critical') ?? []
}
