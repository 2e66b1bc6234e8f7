/**
 * A program for awk. Reads the files of the namespaces that find has named, once each, and passes on what find says. Each line begins with the section that it
 * belongs to. Nothing of it is the suspect's text. A table that is cut has no `end`, nor have the tables of a process that ended meanwhile; find is ended when
 * there are too many descriptors, and then `spaces` has no end.
 */
export const readSpaces = String.raw`
function table(protocol, file, name, line, part, size, got) {
  file = base "/net/" protocol
  name = "table." protocol "." $1
  getline line < file
  while ((got = (getline line < file)) > 0) {
    split(line, part, " ")
    line = part[2] " " part[3] " " part[4] " " part[10]
    if ((size += length(name) + length(line) + 2) > most) break
    print name " " line
  }
  if (got == 0) print name " end"
  close(file)
}
function devices(file, line, part, size) {
  while ((getline line < file) > 0 && size < most) {
    split(line, part, " ")
    if (($1, part[3]) in told) continue
    told[$1, part[3]]
    size += length($1) + length(part[3]) + 10
    print "devices." $1 " " part[3]
  }
  close(file)
}
$2 ~ /^[0-9]+\/ns\/(net|mnt)$/ {
  base = $2
  sub(/\/ns\/.*/, "", base)
  kind = $2 ~ /net$/ ? "networks" : "mounts"
  print kind " " $0
  if ($1 in seen || number[kind]++ >= spaces) next
  seen[$1]
  if (kind == "mounts") devices(base "/mountinfo")
  else {
    table("tcp"); table("tcp6"); table("udp"); table("udp6")
    file = base "/net/tcp"
    if ((getline line < file) < 0) print "table.lost." $1 " lost"
    close(file)
  }
  next
}
$0 == "end" { whole = 1; next }
{
  print "descriptors " $0
  if ((descriptors += length($0) + 13) >= limit) exit
}
END { if (whole) print "spaces end" }`;
