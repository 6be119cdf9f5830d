import type { BodyRow } from './body/rows.ts';
import type { Operation, Param, Support } from './operation.ts';
import { operations } from './operations.ts';
import { apiVersionMax, apiVersionMin } from './version.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');
const line = (...cells: string[]): string => `| ${cells.map(cell).join(' | ')} |`;
const head = (...cells: string[]): string[] => [line(...cells), line(...cells.map(() => '---'))];

/** `contracts/docker-api.md`, made from the tables that the server itself works by. */
export function supportTable(): string {
  return [
    '# Docker Engine API: what is supported',
    '',
    `API versions ${apiVersionMin} to ${apiVersionMax}. Made from the tables in \`packages/docker-api\` by its test`,
    '(`UPDATE_CONTRACTS=1`), which also holds each line against the server. Do not edit.',
    '',
    '- **yes**: honoured. **partly**: honoured as far as the note says.',
    '- **refused**: a value that asks for something is answered with an error that names the option, before anything is',
    '  made; the zero value is fine.',
    '- A body field or a query parameter that is in no table is ignored by name: it stands in the reply’s `Warning`',
    '  headers, and for `create` and `update` in the `Warnings` that clients show.',
    '- Field names are found without regard to case, and wrong types are refused by name.',
    '',
    '## Operations',
    '',
    ...head('operation', 'support', 'note'),
    ...operations.map((op) => line(title(op), supportOf(op), op.note ?? '')),
    '',
    '## Options by operation',
    '',
    ...operations.filter((op) => supportOf(op) !== 'refused').flatMap(section),
  ].join('\n');
}

const title = (op: Operation): string => `\`${op.method} ${op.path.replace(/:(\w+)\+?/g, '{$1}')}\``;

/** An operation that refuses some of its options is supported partly only if it says so itself. */
const supportOf = (op: Operation): Support => op.support ?? 'yes';

function section(op: Operation): string[] {
  const params = Object.entries(op.params ?? {});
  const rows = op.body ?? [];
  if (params.length === 0 && rows.length === 0) return [];
  return [
    `### ${title(op)}`,
    '',
    ...head('option', 'type', 'support', 'note'),
    ...params.map(([name, param]) => line(`\`?${name}\``, param.kind, param.support, noteOf(param))),
    ...rows.map((row) => line(`\`${row.path}\``, row.type, row.support, rowNote(row))),
    '',
  ];
}

function noteOf(param: Param): string {
  const names = param.names ? param.names.map((name) => `\`${name}\``).join(', ') : '';
  return [param.note ?? '', names].filter((part) => part !== '').join(': ');
}

function rowNote({ note, neutral, discarded }: BodyRow): string {
  if (discarded !== undefined) return `discarded with a warning: ${discarded}`;
  const fine = neutral
    ? `accepted: ${neutral.map((value) => `\`${JSON.stringify(value)}\``).join(', ')}`
    : '';
  return [note ?? '', fine].filter((part) => part !== '').join('; ');
}
