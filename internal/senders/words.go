package senders

import "strings"

// months and weekdays as they stand in file names. The long forms of months are dates by themselves; of short ones, and of
// weekdays, only another one in their place tells that they are no part of the name.
var (
	months = set(`январь января февраль февраля март марта апрель апреля май мая июнь июня июль июля август августа
		сентябрь сентября октябрь октября ноябрь ноября декабрь декабря
		january february march april june july august september october november december`)
	others = set(`янв фев мар апр июн июл авг сен сент окт ноя нояб дек jan feb mar apr may jun jul aug sep sept oct nov dec
		понедельник вторник среда среду четверг пятница пятницу суббота субботу воскресенье пн вт ср чт пт сб вс
		monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun`)
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
