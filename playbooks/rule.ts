/** A rule over changes and lookups; one YAML file under rules/. */
export interface Rule {
  readonly name: string;
}
