import type { Report } from '../model.js';
import type { Part } from './part.js';
import { code, type HtmlValue, html } from './safe-html.js';

/** Where the report comes from, and how a stranger proves it. */
export function custodyPart({ run, custody, listings, changes, processes, artifacts, timeline, version }: Report): Part {
  const facts: readonly (readonly [string, HtmlValue])[] = [
    ['Entries of the chain when this was written', String(custody.entries)],
    ['Hash of the last of them', code(custody.head)],
    ['Playbook', html`${code(run.playbook.name)}, sha256 ${code(run.playbook.sha256)}`],
    ...listed('Listing of changed paths', changes.listing),
    ...listed('Listing of processes', processes.listing),
    ...listed('Listing of artifacts', artifacts.listing),
    ...listed('Listing of what contents say', listings.content),
    ...listed('Listing of what packages say', listings.packages),
    ...listed('Timeline (CSV)', timeline.listing),
  ];
  const body = html`<dl class="facts wide">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<p>Every act of this run is an entry of its chain of custody, signed and joined to the entry before it. To check it with this service:
${code(`podtriage verify ${run.id}`)}. To check it without: export the run with ${code(`podtriage export ${run.id}`)}, and run ${code('podtriage verify')}
on the folder that this makes, or follow the documentation with sha256sum, jq and openssl alone. This file is version ${version} of the report; its
sha256 stands in the chain, in the entry ${code('report.written')} of that version.</p>`;
  return { id: 'custody', title: 'Custody', body };
}

function listed(name: string, sha256: string | undefined): (readonly [string, HtmlValue])[] {
  return sha256 === undefined ? [] : [[name, html`evidence ${code(sha256)}`]];
}
