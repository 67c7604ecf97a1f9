"""Addresses of this module."""

from django.urls import path

from yigong.platform.empi import desk, event_log, together, views

app_name = "empi"
urlpatterns = [
    path("review/", views.review, name="review"),
    path("review/<opaque:candidate_id>/same/", views.same, name="same"),
    path("review/<opaque:candidate_id>/different/", views.different, name="different"),
    path("review/<opaque:candidate_id>/later/", views.later, name="later"),
    path("many/", desk.many, name="many"),
    path("many/preview/", desk.many_preview, name="many_preview"),
    path("many/do/", desk.many_do, name="many_do"),
    path("many/<opaque:batch_id>/undo/", desk.many_undo, name="many_undo"),
    path("history/", views.history, name="history"),
    path("decisions/<opaque:decision_id>/undo/", views.undo, name="undo"),
    path("persons/<opaque:person_id>/", views.person, name="person"),
    path("persons/<opaque:person_id>/split/", views.split, name="split"),
    path("persons/<opaque:person_id>/family/", desk.family, name="family"),
    path("persons/<opaque:person_id>/mark/<slug:verb>/", desk.mark, name="mark"),
    path("together/", together.together, name="together"),
    path("together/join/", together.join, name="join"),
    path("log/", event_log.log, name="log"),
    path("rules/", desk.rule_book, name="rules"),
    path("rules/save/", desk.rule_save, name="rule_save"),
    path("rules/discard/", desk.rule_discard, name="rule_discard"),
    path("rules/<int:version>/adopt/", desk.rule_adopt, name="rule_adopt"),
    path("rules/<int:version>/publish/", desk.rule_publish, name="rule_publish"),
    path("quality/", desk.quality, name="quality"),
    path("cleaning/", desk.cleanings, name="cleaning"),
    path("cleaning/start/", desk.clean, name="clean"),
    path("cleaning/<int:job_id>/stop/", desk.clean_stop, name="clean_stop"),
]
